<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de_DE">
<context>
    <name>Choice</name>
    <message>
        <source>[%1, %2]</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Keep float</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>float</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>channel</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>tensor</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>asymmetric</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>symmetric</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>none</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>group %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>per tensor</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>per channel</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1, %2 bit, %3, %4</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1, clip %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>method %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>bits %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>scales %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>no clip</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>clip %1</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>ComparisonModel</name>
    <message>
        <source>× %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Layer</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Name of the layer in the model</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Whole model</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Method and bits in run A</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>B</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Method and bits in run B</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Output error A</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Relative output error in A on its calibration inputs: ‖X(W − Ŵ)ᵀ‖² over ‖XWᵀ‖²</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Relative output error in B on its calibration inputs</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>B / A</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Output error in B over that in A: above 1 where B is worse
▲ B is worse   ● B is better, by more than 5 %</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>SQNR A</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Signal to quantization noise of the weights in A: 10·log10 of Σw² over Σ(w − ŵ)²; more is better</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Signal to quantization noise of the weights in B</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>B − A</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>SQNR in B less that in A: positive where B is better</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Bits/weight A</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Stored bits of codes, scales and zeros over the number of weights, in A</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Stored bits of codes, scales and zeros over the number of weights, in B</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Size A</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Stored bytes in A</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Stored bytes in B</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Stored bytes in B over those in A</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Core</name>
    <message>
        <source>Round to nearest</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Rounds every weight to the nearest level of its granule&apos;s min/max grid. Needs no calibration.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Round to nearest, clipped</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Round to nearest with the range of each granule shrunk to the one of least mean squared error. Needs no calibration.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Smallest range tried, as a share of the min/max range.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Ranges tried, evenly spaced from the smallest to the full.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>GPTQ</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Rounds the inputs in turn and spreads each rounding error over the inputs not yet rounded, by the inverse Hessian of the calibration inputs.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Added to the Hessian&apos;s diagonal, as a share of its mean. Raised by itself when the factorization fails.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Rounds the inputs with the largest activations first.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>With act_order: finds the grids of all groups first, from neighboring inputs, so that no group index has to be stored.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Shrinks the range of each granule to the one of least mean squared error.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Inputs per lazily applied update: speed only, the result is the same up to rounding.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>linear</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>embedding</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>convolution</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>other</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>LayerExpression</name>
    <message>
        <source>There is no “(” for this “)”</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Something is missing after “or”</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Something is missing after “and”</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Too many parentheses within each other</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Something is missing before “%1”</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Something is missing after “not”</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>There is nothing in the parentheses</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>This “(” is not closed</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A field must stand before “%1”, as in bits&lt;4</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>There is no field “%1”; the fields are %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>There is no pattern between the slashes</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The second “/” is missing</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The second “&quot;” is missing</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>“%1” is either so or not: write %1 or not %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A value is missing after “%1”</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>“%1” is no answer, expected yes or no</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>“%1” is a number and takes no pattern</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>“%1” is a text: use =, != or ~</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>“%1” is no value for %2, expected %3</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>a size such as 512KiB or 4MiB</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>a number such as 1000 or 4M</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>a share such as 5% or 0.05</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>decibels such as 15</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>a number, channel or tensor</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>a number or float</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>a number</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>the layer&apos;s name</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>number of its block, or the block&apos;s name, or none</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>linear, embedding, convolution, other</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>number of weights; k, M, G</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>the method&apos;s name or title, or float</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>bits of a code, or float</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>inputs per group, or channel, or tensor</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>stored bits per weight</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>stored bytes; KiB, MiB, GiB</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>SQNR of the weights in dB</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>cosine between weights before and after</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>relative output error</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>share of weights beyond 6 σ</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>has a symmetric grid</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>is locked</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>stays float</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>has a choice of its own</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>has numbers from a run</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>its numbers no longer belong to the recipe</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>LayerMeasures</name>
    <message>
        <source>kept float</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>out of date</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>not measured</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>not computed</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Output error</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Weight SQNR</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>1 − cosine</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Size</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Relative output error on the calibration inputs: ‖X(W − Ŵ)ᵀ‖² over ‖XWᵀ‖²; less is better</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Signal to quantization noise of the weights: 10·log10 of Σw² over Σ(w − ŵ)²; more is better</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>1 − Σwŵ / (‖w‖·‖ŵ‖): how far the quantized weights point away from the original; less is better</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Stored bytes: codes, scales and zeros, or the floats of a layer that is kept</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>0.0 dB</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>+%1 dB</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>−%1 dB</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>float</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 %2 bit</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>LayerRows</name>
    <message>
        <source>Measured with: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Measured with other calibration settings</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Output error measured with other calibration settings</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Measured before a layer of an earlier block changed</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Output error measured before a layer of an earlier block changed</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>linear</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>embedding</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>convolution</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>other</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>OutlierModel</name>
    <message>
        <source>Value</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The weight itself</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>σ</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>(w − mean) / standard deviation of the layer&apos;s weights</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Row</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Output channel, from 0</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Column</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Input channel, from 0</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>RunsModel</name>
    <message>
        <source>complete</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 of %2 layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>1 layer</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The run that the table shows</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>B</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The run that it is compared with</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Name</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Double-click or F2 to rename</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>State</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A cancelled run keeps the layers that had finished</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Bits/weight</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Stored bits of codes, scales and zeros over the number of quantized weights</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Size</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Stored bytes of the whole model: quantized layers and floats</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Perplexity</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>exp of the mean negative log-likelihood per token</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Started</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>When the run began</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Took</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Computing time</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::BitsMap</name>
    <message>
        <source>float</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Map of the model</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Blocks by kinds of layers. Arrow keys move, Shift extends, 2 to 8 set bits, F keeps float, Space locks.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>block</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 of %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 bits/weight, %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>output error %1, weight SQNR %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Not computed yet: run the recipe</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Locked: edits of several layers leave it alone</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Open a model to see its layers as a map.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>f</source>
        <comment>short for float</comment>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Outside of blocks</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>bits</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>method</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>output error, %</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>weight SQNR, dB</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>not computed yet: run the recipe</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>kept float</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>locked</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>– not computed</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>italic: out of date</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Gradus: map of the model</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1: the extension is &quot;%2&quot;, expected png, svg, pdf or csv</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 cannot be written</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Save the map</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Image (*.png)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Drawing (*.svg)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Document (*.pdf)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Table (*.csv)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Bits</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Method</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Unlock</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Lock</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Color by</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Output error</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Weight SQNR</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Show whole model</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Usual size</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Copy image</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Copy data as CSV</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Save as PNG, SVG, PDF or CSV…</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::BitsMapPanel</name>
    <message>
        <source>Bits</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Output error</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Weight SQNR</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Method</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Color by</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Smaller cells</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Larger cells</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Fit</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Show the whole model</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Click or sweep to select</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>1 layer selected</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 layers selected</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::ChannelPanel</name>
    <message>
        <source>Channels shown</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Output channels</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Input channels</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Output channels are rows of the weight, input channels its columns</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Order of the channels</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>In order</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Widest first</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>By place in the weight, or by range: largest − smallest weight</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Jump to a channel; channels count from 0. A click into the plot chooses one too.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Channel</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Ranges of the layer&apos;s inputs</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Capture inputs</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Run the calibration text through the float model once and keep what reaches each layer: its range per channel, and H = XᵀX/n for output errors</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Values of the chosen channel</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Select a layer to see the ranges of its channels.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The ranges of the channels are being computed…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>output channel</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>input channel</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>weight</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 output channels · limits: %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 input channels · limits: %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>none yet</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Min–max</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>1–99 %</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Quartiles</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Median</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Limits in use</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>input</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Min–max of the layer&apos;s input, %1 tokens</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The captured input has %1 channels, the weight %2.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Ranges of the layer&apos;s inputs appear here once they are captured: choose a calibration text in the Run panel, then capture.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Output channel %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Input channel %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 · %2</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::ChannelPlot</name>
    <message>
        <source>Ranges of the channels</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1, sorted by range</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 channel ranges</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1: %2 … %3</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 %2, one of %3 in this column</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 at the cursor: %2</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::ChannelStripPlot</name>
    <message>
        <source>Distribution of each channel&apos;s weights</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Select a layer to see how its weights spread over the channels.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>share of the channel&apos;s weights</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Limits of the grid</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>weight</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>output channel</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>input channel</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source> · %1 channels a column</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 output channels%2 · limits: %3</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 input channels%2 · limits: %3</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 channels</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>output channel %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>input channel %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>output channels %1–%2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>input channels %1–%2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>weight %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>share %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>limits %1 … %2</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::Document</name>
    <message>
        <source>Run %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>reset of %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>reset of %1 layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>lock of %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>unlock of %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>seed %1</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::EmptyState</name>
    <message>
        <source>Open a model folder or drop it here</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Open folder…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Open file…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A Hugging Face folder, .safetensors, llama2.c .bin, or a saved run (.gradus)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Recent</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&lt;a href=&quot;open&quot; style=&quot;text-decoration:none&quot;&gt;%1&lt;/a&gt; &amp;nbsp;%2</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::ErrorPanel</name>
    <message>
        <source>Model order</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Worst first</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Largest change first</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Log</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Logarithmic scale</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Show</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Order</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>this recipe</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::ErrorPlot</name>
    <message>
        <source>block %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Errors by layer</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>B: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Run the recipe to see the error of every layer.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The run had no calibration text, so no output error was measured. Weight SQNR and size can be shown.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>This was not measured.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>relative output error (%)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>weight SQNR (dB)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>1 − cosine of the weights</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>size (%1)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>block</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>one name in %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>worst of %1 layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A %1: %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>B %1: %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A: %1 (%2)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>B: %1 (%2)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>B − A: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>B / A: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Show</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Order</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Model order</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Worst first</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Largest change first</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Logarithmic scale</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::EvaluateDialog</name>
    <message>
        <source>Measure perplexity</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Browse…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>GPTQ: every token of a window but the first</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>llama.cpp: the second half of a window</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Model&apos;s: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Model&apos;s</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The float model and the last run are measured on the same windows of the text.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Text</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Convention</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Context</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Measure</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Text (*.txt *.text *.md *.raw)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>All files (*)</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::ExponentModelPlot</name>
    <message>
        <source>Best exponent of each layer</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Gain over the uniform grid (right)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Uniform grid, a = 1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Best exponent (left)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>layer, in the order of the model</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>best exponent a</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>gain (dB)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Power exponents of the model</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 layer · mean gain %2 over the uniform grid</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 layers · mean gain %2 over the uniform grid</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>power exponents</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1
best a = %2, NMSE %3
%4 over the uniform grid (%5)</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::ExponentPanel</name>
    <message>
        <source>Views of the power exponent</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Selected layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Whole model</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Select layers to see how the error of a power grid depends on its exponent.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The exponent a of the power grid: levels ŵ = s·(k/N)^(1/a), dense around zero below 1, evenly spaced at 1. Drag the marker, or type.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Exponent</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Best</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The exponent with the least error, found by golden-section search</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Uniform</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Exponent 1: evenly spaced levels</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>dB</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Show the error as 10·log₁₀(NMSE)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Error in dB</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Error at the exponent</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>NMSE = Σ(w − ŵ)² / Σw². The gain over the uniform grid is 10·log₁₀(NMSE at a = 1 / NMSE).</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&lt;p&gt;A power grid has its levels where an evenly spaced grid has them after raising to the power a, which suits weights that crowd around zero.&lt;/p&gt;&lt;p&gt;Power-domain rounding: k = round(N·(|w|/s)&lt;sup&gt;a&lt;/sup&gt;), ŵ = sign(w)·s·(k/N)&lt;sup&gt;1/a&lt;/sup&gt;&lt;/p&gt;&lt;p&gt;The grid is symmetric: N = 2&lt;sup&gt;bits − 1&lt;/sup&gt; − 1 levels on each side of zero, and s is the largest |w| of what shares a scale. With a = 1 it is the uniform symmetric grid, which an asymmetric scheme of the layer does not equal.&lt;/p&gt;</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The best exponent of each layer, and what it gains over the uniform grid, appears here once all layers are fitted.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Fit all layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Search the best exponent of every layer under its scheme</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>one scale s = max |w|</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>a scale s = max |w| per %1 inputs</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>a scale s = max |w| per channel</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Symmetric power grid of %1 bits: N = %2 level on each side of zero, %3, power-domain rounding.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Symmetric power grid of %1 bits: N = %2 levels on each side of zero, %3, power-domain rounding.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>NMSE %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>NMSE %1 · gain %2</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::ExponentPlot</name>
    <message>
        <source>Error against exponent</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Uniform grid, a = 1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Exponent</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>power exponent a</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>NMSE (dB)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>NMSE</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1: a = %2, %3</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Error</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 of %2 selected layers shown</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>● best exponent with its gain over the uniform grid · □ uniform grid, a = 1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Best, a = %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Uniform, a = 1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 bit · best a = %2: NMSE %3, %4 better than uniform (%5)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Error in dB</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 exponent</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>exponents</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>exponent %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1: NMSE %2, %3 over uniform</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::ExportDialog</name>
    <message>
        <source>Dequantized safetensors</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>GPTQ checkpoint</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>HDF5</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A folder that takes the original&apos;s place: the quantized values in the source&apos;s own type, with configuration and tokenizer.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A folder with packed codes as GPTQ runtimes load it; layers that cannot be packed stay float and are marked so.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A file with codes, scales, zeros and reports that any HDF5 viewer opens.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Export: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Browse…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>File</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Folder</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Automatic</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>v1 (zero − 1, the widest support)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>v2 (zero as it is)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Zero points</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Export</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>What this format changes</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Looking…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Nothing: every layer is written as it was computed.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::FilterLine</name>
    <message>
        <source>%1 (at the end)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 (at character %2)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Words that must occur, a pattern such as *q_proj* or /layers\.[0-3]/, or conditions such as bits&lt;4 and sqnr&lt;15 (Ctrl+F)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Problem of the filter</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>words that all occur in a row</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>a pattern for the whole name</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>a regular expression within the name</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>conditions joined by and, or, not</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>How to filter</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Filter layers by</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Fields</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Compare with &amp;lt; &amp;lt;= &amp;gt; &amp;gt;= = != and ~ (regular expression). Numbers that are not known match no comparison.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::HelpWindow</name>
    <message>
        <source>Gradus: user guide</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Chapters</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>User guide</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::HistogramPlot</name>
    <message>
        <source>Weight histogram</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Select a layer to see the distribution of its weights.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Original</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Lowest and highest level</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Error ŵ − w</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Quantized</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Clip limits</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>weight</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>density (1/weight)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>weights per bin</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 · computed</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 · rounded preview</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 · n = %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Levels (%1, first group)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>±%1 σ (%2 beyond)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>quantized weights</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>error ŵ − w</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>original weights</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 of %2 selected layers shown</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1, each normalized to area 1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1* · %2, each normalized to area 1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 (kept float)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>weight %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>original %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>quantized %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>error %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Logarithmic</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Density</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>weights of several layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>weights</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::JobRunner</name>
    <message>
        <source>out of memory</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>internal error: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>internal error</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::LayerTableModel</name>
    <message>
        <source>Layer</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Name of the layer in the model</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Block</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Repeated unit of the network that the layer belongs to</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Kind</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Operation that uses the weight</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Shape</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Outputs × inputs, as stored</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Parameters</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Number of weights</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Method</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>How the codes are chosen</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Bits</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Bits of a code: 2 to 8, or float (press 2 … 8)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Group</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Consecutive inputs that share a scale: a whole channel, the whole tensor, or a number</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Symmetry</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Symmetric: the zero stands in the middle and is not stored</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Bits/weight</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Stored bits of codes, scales and zeros over the number of weights</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Size</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Stored bytes</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Weight SQNR</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Signal to quantization noise of the weights: 10·log10 of Σw² over Σ(w − ŵ)²; more is better</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Output error</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Relative output error on the calibration inputs: ‖X(W − Ŵ)ᵀ‖² over ‖XWᵀ‖²
● up to 1 %   ▲ up to 5 %   ◆ above</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Outliers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Share of weights farther than 6 standard deviations from the mean: #{|w − μ| &gt; 6 σ} over #w</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Lock</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A locked layer is left alone by edits of several layers and by allocation (Space)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>locked</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>block %1: %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Locked: edits of several layers leave it alone</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Chosen for this layer (in bold)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>From the recipe&apos;s rules or standard</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Not computed yet: run the recipe</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Not measured: the run had no calibration text</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Not counted yet</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Locked: edits of several layers leave it alone. Click or press Space to unlock.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Not locked. Click or press Space to lock.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>not locked</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 of %2</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::LayerTablePanel</name>
    <message>
        <source>Method</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Method of all selected layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Bits</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Bits of all selected layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Group</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Group of all selected layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Symmetry</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Symmetry of all selected layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Copy</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Filter layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Filter: q_proj, *attn*, bits&lt;4 and error&gt;5%</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>What a filter may say</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Help on filters</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Reset</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Back to what the recipe&apos;s rules and standard say (Del)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>View</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Blocks, columns, order, rules, and the table as a file</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Group by block</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>1 locked layer was left alone</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 locked layers were left alone</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 cannot be written: %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Save table</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Comma-separated values (*.csv)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The table has been saved as %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>As many as fit</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Reset columns</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Expand all blocks</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>C&amp;ollapse all blocks</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Order of the &amp;model</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Columns</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>R&amp;ules…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Copy &amp;whole table</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Save table as CSV…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Reset to the recipe&apos;s standard</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Unlock</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Lock</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Select layers of the same role</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Layers whose names differ in numbers only</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>New rule from selection…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>New rule from filter…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Rules…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Copy whole table</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Save table as CSV…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Columns</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 of %2 layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>1 layer</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Select layers to set</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Set for 1 layer</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Set for %1 layers</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::LayerTree</name>
    <message>
        <source>locked</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>not locked</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Layers outside of any block</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>block %1: %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>An edit here is for all layers shown of the block</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>1 layer has a choice of its own
An edit here is for all layers shown of the block</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 layers have a choice of their own
An edit here is for all layers shown of the block</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Mean over the weights of the block</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Sum over the block</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The lowest of the block</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The worst of the block</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Share of all weights of the block</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 of %2 layers are locked</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Outside of blocks</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Block %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 · 1 layer</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 · %2 layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>mixed</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1–%2</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::MainWindow</name>
    <message>
        <source>Weights</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Channels</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Exponent</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Layer errors</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Bits map</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Method</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Run</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Runs</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Comparison</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Progress</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Locate the model…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Open it again</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 was interrupted; the layers that it finished are kept.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Resume</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Open a model or run</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Models and runs (*.safetensors *.bin *.index.json *.gradus *.h5)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>All files (*)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Select a layer to see the distribution of its weights.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Select a layer to see the ranges of its channels.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Select a layer to see its error against the exponent.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 · %2 · %3 parameters · %4</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The model cannot be run: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Run the recipe (F5)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Stop; finished layers stay (Esc)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Write the shown run as a web page and a table (Ctrl+R)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Quantize first</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>No model</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The recipe quantizes %1 of %2 layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>   ·   %1 bits/weight</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>   ·   %1 quantized + %2 float = %3</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>   (%1 of the file)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Gradus ended unexpectedly while %1 was open. Its recipe and runs are kept.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Restore</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Discard</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 is still running.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A run has not been saved.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The recipe has changes that are not saved.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>What is not saved is lost.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Close Gradus</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1: the folder cannot be made</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1: cannot be written</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;File</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Open model &amp;folder…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Open &amp;model file…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Open a model file</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Models (*.safetensors *.bin *.index.json)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Open r&amp;un…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Open a run</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Runs (*.gradus *.h5)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Recent &amp;files</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Import recipe…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Import a recipe</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Recipes (*.json)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Save recipe</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Save recipe &amp;as…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Save ru&amp;n…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Export</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Report…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Close model</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Close the model</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Quit</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Edit</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Undo</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Undo</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Redo</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Redo</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Find layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Edit &amp;standard method</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Ru&amp;les…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Copy as &amp;command</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The gradus-cli line that does what is on screen</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Run</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Quantize</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Quantize se&amp;lected layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Quantize what is s&amp;tale</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Cancel</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Capture &amp;activations</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Measure &amp;perplexity…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;View</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Layout</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Explore a layer</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Compare runs</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Whole model</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Reset</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Logarithmic &amp;counts</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Full screen</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Theme</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;System</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Light</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Dark</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Lan&amp;guage</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>As the desktop</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The language changes with the next start.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Help</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>User &amp;guide</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Keyboard shortcuts</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;About Gradus</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>About &amp;Qt</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Tools</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Open</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>More</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Export</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Open a model folder</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Where is the model of %1?</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Save the recipe</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Save the run</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Runs (*.gradus)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Write a report</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Web pages (*.html)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Copied the command line for this recipe</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>About Gradus</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A workbench for post-training quantization.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Free software under the GNU General Public License, version 3 or (at your option) any later version. It comes with no warranty.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Clear the list</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::MessageBar</name>
    <message>
        <source>Dismiss</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::MethodPanel</name>
    <message>
        <source>Method</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>How the codes are chosen</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Bits</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Bits of a code; float keeps the layer as it is</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Group</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Consecutive inputs that share a scale: a whole channel, the whole tensor, or a number</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Symmetry</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Symmetric: the zero stands in the middle, is not stored</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Scales</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Type in which scales are stored</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Selected layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Standard</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The choice of the selected layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>What every layer takes that has no choice of its own</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Reset</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Back to what the recipe&apos;s rules and standard say</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Layers without a choice of their own</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>No layer selected</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>mixed</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Stays in the source&apos;s own type.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Select layers in the table, or edit the standard.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1
Default: %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 as standard</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 of %2</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::PlotView</name>
    <message>
        <source>Show all</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Copy image</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Copy data as CSV</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Save as PNG, SVG, PDF or CSV…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Save the plot</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Image (*.png)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Drawing (*.svg)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Document (*.pdf)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Table (*.csv)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1: the extension is &quot;%2&quot;, expected png, svg, pdf or csv</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 cannot be written</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::PowerGridPlot</name>
    <message>
        <source>Power grid over the weights</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Original</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>On the power grid</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>weight</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>weights per bin</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>On the power grid, a = %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Levels (%1, first group)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>power grid</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>weight %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>original %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>on the grid %1</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::RuleDialog</name>
    <message>
        <source>1 layer</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>New rule</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The rule goes before all others: layers that it matches get its choice, unless they have one of their own.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Layers that match</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Add rule</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Type a pattern</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Matches %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 (has a choice of its own)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Clear the choice of its own of 1 layer</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Clear the choices of their own of %1 layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>rule for %1</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::RuleForm</name>
    <message>
        <source>A regular expression that is looked for in the layer&apos;s name (PCRE2 syntax); letter case counts</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Pattern</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Method</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Bits</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Group</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Symmetry</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Choice</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::RulesDialog</name>
    <message>
        <source>Rules</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The first rule whose pattern is found in a layer&apos;s name decides. A layer with a choice of its own is not reached; one that no rule matches gets the standard.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>#</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Pattern</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Choice</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Layers that the rule decides, of those that its pattern is found in</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Add</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A new rule at the end</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Delete</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Remove the selected rule</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Move &amp;up</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Let the selected rule decide earlier</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Move do&amp;wn</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Let the selected rule decide later</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>No rules yet: every layer gets the standard. Add one, or select layers in the table and choose “New rule from selection…”.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The pattern is empty</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 of %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Decides %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Found in %1, decides %2; the others have an earlier rule or a choice of their own</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>rules</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::RunComparison</name>
    <message>
        <source>Differences between two runs</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Copy</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Only layers that &amp;differ</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Copy the table, with tabs between cells</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Save CSV…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Save the table as comma-separated values</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 bits/weight</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>cancelled</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>perplexity %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Run the recipe first. A second run can then be compared with it.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Choose a run to compare with: tick B in the list of runs.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>B: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 cannot be written</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Save the comparison</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Table (*.csv)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Copy as table</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Largest change first</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Show all layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Show only layers that differ</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::RunPanel</name>
    <message>
        <source>%1 s</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>about %1 left</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Reading</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Calibration passes</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Hessians</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Solving</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Measuring errors</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Writing</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>none: data-free methods only</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>A text file; its tokens are what the layers see while the error is measured and GPTQ works</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Browse…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Windows of tokens taken from the text</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Tokens per window</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Sequential</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Float model</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Sequential: each block sees the outputs of the quantized blocks before it.
Float model: statistics of the float model, in one pass</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Chooses the calibration windows; equal seeds give equal bytes</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Calibration</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Samples</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Context</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Mode</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Seed</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Quantize</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Run the recipe (F5)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Stale (%1)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Stop; finished layers stay (Esc)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Perplexity…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Measure the perplexity of the float model and of the last run on a text</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>What happens is written here.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>calibration text</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>calibration samples</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>calibration context</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>calibration mode</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Model&apos;s: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Model&apos;s</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Calibration text</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Text (*.txt *.text *.md)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>All files (*)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Forecast: %1 (%2 quantized, %3 float), about %4, %5 of memory</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Sizes are exact. Time and memory are estimated from counted operations and this machine&apos;s measured speed:</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 (%2): %3</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Compute only what the shown run has no fitting result for; the rest is taken over (Shift+F5)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Ready</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::RunsModel</name>
    <message>
        <source>Show %1 in the table</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Compare with %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Cancelled: %1 of %2 layers had finished. It can be shown and compared, but not saved or exported.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Perplexity: %1</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::RunsPanel</name>
    <message>
        <source>Runs of this session</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Runs are kept here: run the recipe, change it, run it again, and compare.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Show</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Show this run in the table: it becomes A</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Compare</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Compare the run that is shown with this one: it becomes B</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Rename</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Give the run another name</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Remove</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Forget this run; files that were saved stay</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Save…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Save the run to a file</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Export…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Write the quantized model for other programs</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Report…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Write a report of the run</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Stop comparing</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::ShortcutsDialog</name>
    <message>
        <source>Layer table</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Edit the cell, for all selected layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Lock or unlock</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Back to what the recipe&apos;s rules and standard say</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Select all layers shown</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Copy as a table</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>From the filter line back to the table</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Plots</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Zoom; over an axis, that axis alone</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Zoom</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Move</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Show all; a double click does too</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Copy the image</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Bits map</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Bits of the selected layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Keep the selected layers float</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Extend the selection</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Keyboard shortcuts</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Action</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Keys</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::Startup</name>
    <message>
        <source>calibration text</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>cancelled</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::WeightPanel</name>
    <message>
        <source>Mean</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Mean of the weights: Σw / n</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Std. deviation</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Population standard deviation of the weights: √(Σ(w − mean)² / n)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Minimum</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Smallest weight</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Maximum</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Largest weight</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Excess kurtosis</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>E[(w − mean)⁴] / σ⁴ − 3: 0 for a normal distribution; large when a few weights lie far out</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Outliers &gt; 6σ</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Share of weights more than six standard deviations from the mean</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Weight SQNR</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Signal to quantization noise of the weights: 10·log₁₀(Σw² / Σ(w − ŵ)²); more is better</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Cosine</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Cosine between the weights before and after: Σwŵ / (‖w‖·‖ŵ‖); 1 is best</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Output error</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Relative error of the layer&apos;s output: tr(E·H·Eᵀ) / tr(W·H·Wᵀ) with E = W − Ŵ and H = XᵀX/n of the captured inputs</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Stored size</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Bytes of codes, scales and zeros, and bits per weight</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Views of the weights</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Histogram</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>By channel</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Outliers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Distribution of all weights of the selected layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Distribution of each channel&apos;s weights, side by side</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Weights far from the others, and where they stand</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Select a layer to see the distribution of its weights.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Log</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Show the number of weights on a logarithmic axis</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Logarithmic axis</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Density</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Show densities, which integrate to one, instead of counts; several layers are always shown so</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Show</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Choose what the histogram shows</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Original weights</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Quantized weights</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Error ŵ − w</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Levels of the grid</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Outlier limits</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Lower clip limit</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Weights below are stored as this value: the range of every group is cut to [low, high] before its grid is made. Drag the left marker, or type.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Upper clip limit</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Weights above are stored as this value: the range of every group is cut to [low, high] before its grid is made. Drag the right marker, or type.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Reset clip</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Take the clip limits out of the layer&apos;s scheme</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Clip</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Channels shown</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Output channels</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Input channels</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Output channels are rows of the weight, input channels its columns</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>An outlier is a weight with |w − mean| &gt; this multiple of the standard deviation</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Beyond</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Copy as table</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1, estimate from %2 of %3 rows</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>float</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 (%2 b/w)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Capture the layer&apos;s inputs to see it.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>clip %1 to [%2, %3]</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>no clip of %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 of %2 weights (%3)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 · the largest %2 listed</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>gradus::Workbench</name>
    <message>
        <source>calibration text</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Opening %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Opened %1: %2, %3 layers, %4 parameters, %5</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The model cannot be run: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>recipe of run %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Opened run %1: %2 bits per weight</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Reading %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>opening of %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Opened recipe %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Saving %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Saved recipe %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The session cannot be kept against a crash: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Restoring %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Restored the session with %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 is no longer what was opened: %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 has changed since it was opened: what is shown belongs to the old file</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 is still running: cancel it first</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 failed: %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 cancelled</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Open a model first</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The plan is being made</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The recipe needs calibration, but the model cannot be run: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The recipe needs a calibration text</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Nothing is stale: every layer&apos;s result belongs to the recipe</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Select layers first</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1: quantizing %2 layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1: quantizing</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Quantizing</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1: %2 bits per weight, %3, in %4</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The model&apos;s data is not what it was in %1: the two runs do not compare</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Choose a calibration text first</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Capturing activations</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Captured the inputs of %1 layers</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>There is no run to save: quantize first</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Saved run %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Saved the run to %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>There is no run to report on: quantize first</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Writing %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Wrote the report %1 and its table %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Measuring perplexity</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Perplexity: float %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source> → quantized %1 (%2%3)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1, %2 windows of %3 tokens, %4 convention</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>GPTQ</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>There is no run to export: quantize first</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Exporting %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Mismatch in %1: %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Exported %1 to %2 (%3); read back and compared: %4 tensors, all equal to the run</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 was written but differs from the run in %2 of %3 tensors, first: %4: %5</source>
        <translation type="unfinished"></translation>
    </message>
</context>
</TS>
