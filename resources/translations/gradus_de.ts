<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de_DE">
<context>
    <name>ActivationView</name>
    <message>
        <source>channel</source>
        <translation>Kanal</translation>
    </message>
    <message>
        <source>output of the norm</source>
        <translation>Ausgabe der Norm</translation>
    </message>
    <message>
        <source>seen</source>
        <translation>gesehen</translation>
    </message>
    <message>
        <source>limits of the grid</source>
        <translation>Grenzen des Gitters</translation>
    </message>
    <message>
        <source>Choose a method that quantizes inputs, such as RepQuant, or inputs on a uniform grid, give calibration data and run the recipe.</source>
        <translation>Eine Methode wählen, die Eingaben quantisiert, etwa RepQuant, oder Eingaben auf einem gleichförmigen Gitter, Kalibrierdaten angeben und das Rezept ausführen.</translation>
    </message>
    <message>
        <source>Select a layer to see what quantization makes of its inputs.</source>
        <translation>Eine Schicht auswählen, um zu sehen, was die Quantisierung aus ihren Eingaben macht.</translation>
    </message>
    <message>
        <source>The inputs of %1 are not on uniform grids in the shown run. %2</source>
        <translation>Die Eingaben von %1 liegen im gezeigten Lauf nicht auf gleichförmigen Gittern. %2</translation>
    </message>
    <message>
        <source>%1 has not been computed yet. %2</source>
        <translation>%1 ist noch nicht berechnet. %2</translation>
    </message>
    <message>
        <source>%1 bit</source>
        <translation>%1 Bit</translation>
    </message>
    <message>
        <source>scale %1</source>
        <translation>Skala %1</translation>
    </message>
    <message>
        <source>%1 scales %2 … %3</source>
        <translation>%1 Skalen %2 … %3</translation>
    </message>
    <message>
        <source>zero %1</source>
        <translation>Nullpunkt %1</translation>
    </message>
    <message>
        <source>zeros %1 … %2</source>
        <translation>Nullpunkte %1 … %2</translation>
    </message>
    <message>
        <source>%1, %2, %3</source>
        <translation>%1, %2, %3</translation>
    </message>
    <message>
        <source>scale s</source>
        <translation>Skala s</translation>
    </message>
    <message>
        <source>zero z</source>
        <translation>Nullpunkt z</translation>
    </message>
    <message>
        <source>ratio r1 = s / s̃</source>
        <translation>Verhältnis r1 = s / s̃</translation>
    </message>
    <message>
        <source>%1 before</source>
        <translation>%1 vorher</translation>
    </message>
    <message>
        <source>a grid for each channel</source>
        <translation>ein Gitter je Kanal</translation>
    </message>
    <message>
        <source>%1 after</source>
        <translation>%1 nachher</translation>
    </message>
    <message>
        <source>divided by r1 and shifted: one grid for all</source>
        <translation>durch r1 geteilt und verschoben: ein Gitter für alle</translation>
    </message>
    <message>
        <source>divided by r1: one scale, zeros of their own</source>
        <translation>durch r1 geteilt: eine Skala, eigene Nullpunkte</translation>
    </message>
    <message>
        <source>Codes before and after are not compared: the zero is fractional.</source>
        <translation>Codes vorher und nachher sind nicht verglichen: Der Nullpunkt ist gebrochen.</translation>
    </message>
    <message>
        <source>Codes before and after are equal in all %1.</source>
        <translation>Codes vorher und nachher sind gleich in allen %1.</translation>
    </message>
    <message>
        <source>Codes before and after are equal in %1 of %2; %3 differ.</source>
        <translation>Codes vorher und nachher sind gleich in %1 von %2; %3 weichen ab.</translation>
    </message>
    <message>
        <source>Afterwards s̃ = %1, z̃ = %2 for all channels, %3 bit.</source>
        <translation>Nachher s̃ = %1, z̃ = %2 für alle Kanäle, %3 Bit.</translation>
    </message>
    <message>
        <source>Afterwards s̃ = %1 for all channels, zeros by channel, %2 bit.</source>
        <translation>Nachher s̃ = %1 für alle Kanäle, Nullpunkte je Kanal, %2 Bit.</translation>
    </message>
    <message>
        <source>Afterwards %1.</source>
        <translation>Nachher %1.</translation>
    </message>
    <message>
        <source>%1 reads no norm directly.</source>
        <translation>%1 liest keine Norm unmittelbar.</translation>
    </message>
    <message>
        <source>The norm before %1 was divided by factors of SmoothQuant; ranges by channel are kept by RepQ-ViT and RepQuant.</source>
        <translation>Die Norm vor %1 wurde durch Faktoren von SmoothQuant geteilt; Bereiche je Kanal halten RepQ-ViT und RepQuant fest.</translation>
    </message>
    <message>
        <source>The norm before %1 was not divided: its inputs have one grid for all channels. RepQ-ViT, RepQuant and the granularity "channel" divide norms.</source>
        <translation>Die Norm vor %1 wurde nicht geteilt: Ihre Eingaben haben ein Gitter für alle Kanäle. RepQ-ViT, RepQuant und die Granularität „Kanal“ teilen Normen.</translation>
    </message>
    <message>
        <source>Inputs: %1.</source>
        <translation>Eingaben: %1.</translation>
    </message>
    <message>
        <source>float</source>
        <translation>float</translation>
    </message>
    <message>
        <source>q, k, v and the softmax stay float.</source>
        <translation>q, k, v und das Softmax bleiben float.</translation>
    </message>
    <message>
        <source>q: %1</source>
        <translation>q: %1</translation>
    </message>
    <message>
        <source>k: %1</source>
        <translation>k: %1</translation>
    </message>
    <message>
        <source>v: %1</source>
        <translation>v: %1</translation>
    </message>
    <message>
        <source>softmax: %1, %2 bit, largest level %3, error %4</source>
        <translation>Softmax: %1, %2 Bit, größte Stufe %3, Fehler %4</translation>
    </message>
    <message>
        <source>softmax: float</source>
        <translation>Softmax: float</translation>
    </message>
    <message>
        <source>%1 does not read an attention. Select the projection behind one to see the softmax before it.</source>
        <translation>%1 liest keine Attention. Die Projektion hinter einer auswählen, um das Softmax davor zu sehen.</translation>
    </message>
    <message>
        <source>The attention before %1 was not quantized: give bits to q, k and v or to the softmax, and run the recipe.</source>
        <translation>Die Attention vor %1 wurde nicht quantisiert: q, k und v oder dem Softmax Bits geben und das Rezept ausführen.</translation>
    </message>
    <message>
        <source>The errors of %1 were not measured: they are known of linear layers with calibration inputs.</source>
        <translation>Die Fehler von %1 sind nicht gemessen: Bekannt sind sie von linearen Schichten mit Kalibriereingaben.</translation>
    </message>
    <message>
        <source>%1 is read by %2.</source>
        <translation>%1 wird gelesen von %2.</translation>
    </message>
    <message>
        <source>%1 is read by %2 in %3.</source>
        <translation>%1 wird gelesen von %2 in %3.</translation>
    </message>
    <message>
        <source>The norm before %1 was not divided.</source>
        <translation>Die Norm vor %1 wurde nicht geteilt.</translation>
    </message>
    <message>
        <source>The run notes: %1</source>
        <translation>Der Lauf vermerkt: %1</translation>
    </message>
</context>
<context>
    <name>Allocation</name>
    <message>
        <source>%1 bit</source>
        <translation>%1 Bit</translation>
    </message>
    <message>
        <source>%1 (%2)</source>
        <translation>%1 (%2)</translation>
    </message>
    <message>
        <source>nats/token</source>
        <translation>Nats/Token</translation>
    </message>
    <message>
        <source>nats/sample</source>
        <translation>Nats/Stichprobe</translation>
    </message>
    <message>
        <source>share of the outputs</source>
        <translation>Anteil der Ausgaben</translation>
    </message>
    <message>
        <source>predicted: Σ relative weight errors</source>
        <translation>vorhergesagt: Σ relative Gewichtsfehler</translation>
    </message>
    <message>
        <source>predicted: Σ relative output errors</source>
        <translation>vorhergesagt: Σ relative Ausgabefehler</translation>
    </message>
    <message>
        <source>predicted error of the outputs (share)</source>
        <translation>vorhergesagter Fehler der Ausgaben (Anteil)</translation>
    </message>
    <message>
        <source>predicted KL (%1)</source>
        <translation>vorhergesagte KL (%1)</translation>
    </message>
    <message>
        <source>measured: 1 − cosine of the outputs</source>
        <translation>gemessen: 1 − Kosinus der Ausgaben</translation>
    </message>
    <message>
        <source>measured KL (%1)</source>
        <translation>gemessene KL (%1)</translation>
    </message>
    <message>
        <source>Weight error</source>
        <translation>Gewichtsfehler</translation>
    </message>
    <message>
        <source>Output error</source>
        <translation>Ausgabefehler</translation>
    </message>
    <message>
        <source>Fisher</source>
        <translation>Fisher</translation>
    </message>
    <message>
        <source>Measured KL</source>
        <translation>Gemessene KL</translation>
    </message>
    <message>
        <source>Weight error: Σ(w − ŵ)² / Σw² of each layer, a ratio.
Needs no data; seconds.</source>
        <translation>Gewichtsfehler: Σ(w − ŵ)² / Σw² jeder Schicht, ein Verhältnis.
Braucht keine Daten; Sekunden.</translation>
    </message>
    <message>
        <source>Output error: ‖X(W − Ŵ)ᵀ‖² / ‖XWᵀ‖² of each layer, a ratio.
Needs calibration data and one pass through the model.</source>
        <translation>Ausgabefehler: ‖X(W − Ŵ)ᵀ‖² / ‖XWᵀ‖² jeder Schicht, ein Verhältnis.
Braucht Kalibrierdaten und einen Durchgang durch das Modell.</translation>
    </message>
    <message>
        <source>Fisher: ½ Σ (∂L/∂y)² (y − ŷ)² of each layer's outputs, an estimate of the KL divergence in nats per token or sample.
Needs calibration data, one pass forward and one backward.</source>
        <translation>Fisher: ½ Σ (∂L/∂y)² (y − ŷ)² der Ausgaben jeder Schicht, eine Schätzung der KL-Divergenz in Nats je Token oder Stichprobe.
Braucht Kalibrierdaten, einen Durchgang vorwärts und einen rückwärts.</translation>
    </message>
    <message>
        <source>Measured KL: the divergence from the float model with this layer alone quantized, in nats per token or sample.
Needs calibration data and a pass for each layer and candidate: the slowest and the surest.</source>
        <translation>Gemessene KL: die Divergenz vom float-Modell, wenn allein diese Schicht quantisiert ist, in Nats je Token oder Stichprobe.
Braucht Kalibrierdaten und einen Durchgang für jede Schicht und jeden Kandidaten: am langsamsten und am sichersten.</translation>
    </message>
    <message>
        <source>%1 → %2 bits would save %3 for %4: %5 per MiB.</source>
        <translation>%1 → %2 Bit würden für %4 %3 sparen: %5 je MiB.</translation>
    </message>
    <message>
        <source>%1 → %2 bits would cost %3 and free %4: %5 per MiB.</source>
        <translation>%1 → %2 Bit würden %3 kosten und %4 freigeben: %5 je MiB.</translation>
    </message>
    <message>
        <source>Locked: it keeps what the recipe says.</source>
        <translation>Gesperrt: sie behält, was das Rezept sagt.</translation>
    </message>
    <message>
        <source>The recipe has none of the candidates for it.</source>
        <translation>Das Rezept hat für sie keinen der Kandidaten.</translation>
    </message>
    <message>
        <source>No candidate has a smaller error.</source>
        <translation>Kein Kandidat hat einen kleineren Fehler.</translation>
    </message>
    <message>
        <source>No candidate is smaller.</source>
        <translation>Kein Kandidat ist kleiner.</translation>
    </message>
    <message>
        <source>The budget's price: %1 per MiB. What saves more is bought, what saves less is not.</source>
        <translation>Der Preis des Budgets: %1 je MiB. Was mehr spart, wird gekauft, was weniger spart, nicht.</translation>
    </message>
    <message>
        <source>Decided with %1.</source>
        <translation>Entschieden zusammen mit %1.</translation>
    </message>
    <message>
        <source>A rule gives it %1 to %2 bits.</source>
        <translation>Eine Regel gibt ihr %1 bis %2 Bit.</translation>
    </message>
    <message>
        <source>Exact</source>
        <translation>Exakt</translation>
    </message>
    <message>
        <source>Lagrangian</source>
        <translation>Lagrange</translation>
    </message>
    <message>
        <source>Greedy</source>
        <translation>Gierig</translation>
    </message>
    <message>
        <source>Uniform</source>
        <translation>Gleichförmig</translation>
    </message>
    <message>
        <source>First and last more</source>
        <translation>Erster und letzter mehr</translation>
    </message>
    <message>
        <source>llama.cpp's rule</source>
        <translation>Regel von llama.cpp</translation>
    </message>
    <message>
        <source>The least predicted error within the budget, proved by dynamic programming</source>
        <translation>Der kleinste vorhergesagte Fehler im Budget, bewiesen durch dynamische Programmierung</translation>
    </message>
    <message>
        <source>The last point of the front within the budget</source>
        <translation>Der letzte Punkt der Front im Budget</translation>
    </message>
    <message>
        <source>Again and again the step that saves most error per byte</source>
        <translation>Immer wieder der Schritt, der je Byte am meisten Fehler spart</translation>
    </message>
    <message>
        <source>The same bits everywhere; between two numbers of bits some layers, spread evenly, have more</source>
        <translation>Überall dieselben Bits; zwischen zwei Bitbreiten haben einige, gleichmäßig verteilte Schichten mehr</translation>
    </message>
    <message>
        <source>The first and the last block get the most bits</source>
        <translation>Der erste und der letzte Block bekommen die meisten Bits</translation>
    </message>
    <message>
        <source>Value and down projections of some blocks get more bits, as llama.cpp mixes its types</source>
        <translation>Value- und Down-Projektionen einiger Blöcke bekommen mehr Bits, wie llama.cpp seine Typen mischt</translation>
    </message>
    <message>
        <source>per channel</source>
        <translation>je Kanal</translation>
    </message>
</context>
<context>
    <name>BulkEdit</name>
    <message>
        <source>%1 layers</source>
        <translation>%1 Schichten</translation>
    </message>
    <message>
        <source>%1 of %2</source>
        <translation>%1 für %2</translation>
    </message>
</context>
<context>
    <name>Choice</name>
    <message>
        <source>[%1, %2]</source>
        <translation>[%1, %2]</translation>
    </message>
    <message>
        <source>Keep float</source>
        <translation>Als float belassen</translation>
    </message>
    <message>
        <source>float</source>
        <translation>float</translation>
    </message>
    <message>
        <source>channel</source>
        <translation>Kanal</translation>
    </message>
    <message>
        <source>tensor</source>
        <translation>Tensor</translation>
    </message>
    <message>
        <source>asymmetric</source>
        <translation>asymmetrisch</translation>
    </message>
    <message>
        <source>symmetric</source>
        <translation>symmetrisch</translation>
    </message>
    <message>
        <source>none</source>
        <translation>keine</translation>
    </message>
    <message>
        <source>group %1</source>
        <translation>Gruppe %1</translation>
    </message>
    <message>
        <source>per tensor</source>
        <translation>je Tensor</translation>
    </message>
    <message>
        <source>per channel</source>
        <translation>je Kanal</translation>
    </message>
    <message>
        <source>%1, %2 bit, %3, %4</source>
        <translation>%1, %2 Bit, %3, %4</translation>
    </message>
    <message>
        <source>%1, clip %2</source>
        <translation>%1, Clip %2</translation>
    </message>
    <message>
        <source>method %1</source>
        <translation>Methode %1</translation>
    </message>
    <message>
        <source>bits %1</source>
        <translation>Bits %1</translation>
    </message>
    <message>
        <source>scales %1</source>
        <translation>Skalen %1</translation>
    </message>
    <message>
        <source>no clip</source>
        <translation>kein Clip</translation>
    </message>
    <message>
        <source>clip %1</source>
        <translation>Clip %1</translation>
    </message>
    <message>
        <source>searched</source>
        <translation>gesucht</translation>
    </message>
    <message>
        <source>the weights'</source>
        <translation>der der Gewichte</translation>
    </message>
    <message>
        <source>½</source>
        <translation>½</translation>
    </message>
    <message>
        <source>1, uniform</source>
        <translation>1, gleichförmig</translation>
    </message>
    <message>
        <source>least error</source>
        <translation>kleinster Fehler</translation>
    </message>
    <message>
        <source>largest seen</source>
        <translation>größter gesehener Wert</translation>
    </message>
    <message>
        <source>as they are</source>
        <translation>wie sie sind</translation>
    </message>
    <message>
        <source>moved up</source>
        <translation>nach oben verschoben</translation>
    </message>
    <message>
        <source>%1, %2</source>
        <translation>%1, %2</translation>
    </message>
    <message>
        <source>%1, inputs %2 bit</source>
        <translation>%1, Eingaben %2 Bit</translation>
    </message>
    <message>
        <source>inputs %1</source>
        <translation>Eingaben %1</translation>
    </message>
    <message>
        <source>%1 bit</source>
        <translation>%1 Bit</translation>
    </message>
    <message>
        <source>exponent of the inputs %1</source>
        <translation>Exponent der Eingaben %1</translation>
    </message>
    <message>
        <source>limit of the inputs %1</source>
        <translation>Grenze der Eingaben %1</translation>
    </message>
    <message>
        <source>the method's</source>
        <translation>die der Methode</translation>
    </message>
    <message>
        <source>power grid</source>
        <translation>Potenzgitter</translation>
    </message>
    <message>
        <source>uniform grid</source>
        <translation>gleichförmiges Gitter</translation>
    </message>
    <message>
        <source>min/max</source>
        <translation>Min/Max</translation>
    </message>
    <message>
        <source>percentiles</source>
        <translation>Perzentile</translation>
    </message>
    <message>
        <source>log√2</source>
        <translation>log√2</translation>
    </message>
    <message>
        <source>log2</source>
        <translation>log2</translation>
    </message>
    <message>
        <source>as inputs</source>
        <translation>wie Eingaben</translation>
    </message>
    <message>
        <source>%1, inputs %2 bit uniform</source>
        <translation>%1, Eingaben %2 Bit gleichförmig</translation>
    </message>
    <message>
        <source>quantizer of the inputs %1</source>
        <translation>Quantisierer der Eingaben %1</translation>
    </message>
    <message>
        <source>range of the inputs %1</source>
        <translation>Bereich der Eingaben %1</translation>
    </message>
    <message>
        <source>granularity of the inputs %1</source>
        <translation>Granularität der Eingaben %1</translation>
    </message>
    <message>
        <source>softmax %1</source>
        <translation>Softmax %1</translation>
    </message>
    <message>
        <source>bits of q, k and v %1</source>
        <translation>Bits von q, k und v %1</translation>
    </message>
    <message>
        <source>bits of the softmax %1</source>
        <translation>Bits des Softmax %1</translation>
    </message>
</context>
<context>
    <name>ComparisonModel</name>
    <message>
        <source>× %1</source>
        <translation>× %1</translation>
    </message>
    <message>
        <source>Layer</source>
        <translation>Schicht</translation>
    </message>
    <message>
        <source>Name of the layer in the model</source>
        <translation>Name der Schicht im Modell</translation>
    </message>
    <message>
        <source>Whole model</source>
        <translation>Gesamtes Modell</translation>
    </message>
    <message>
        <source>A</source>
        <translation>A</translation>
    </message>
    <message>
        <source>Method and bits in run A</source>
        <translation>Methode und Bits in Lauf A</translation>
    </message>
    <message>
        <source>B</source>
        <translation>B</translation>
    </message>
    <message>
        <source>Method and bits in run B</source>
        <translation>Methode und Bits in Lauf B</translation>
    </message>
    <message>
        <source>Output error A</source>
        <translation>Ausgabefehler A</translation>
    </message>
    <message>
        <source>Relative output error in A on its calibration inputs: ‖X(W − Ŵ)ᵀ‖² over ‖XWᵀ‖²</source>
        <translation>Relativer Ausgabefehler in A auf dessen Kalibriereingaben: ‖X(W − Ŵ)ᵀ‖² geteilt durch ‖XWᵀ‖²</translation>
    </message>
    <message>
        <source>Relative output error in B on its calibration inputs</source>
        <translation>Relativer Ausgabefehler in B auf dessen Kalibriereingaben</translation>
    </message>
    <message>
        <source>B / A</source>
        <translation>B / A</translation>
    </message>
    <message>
        <source>Output error in B over that in A: above 1 where B is worse
▲ B is worse   ● B is better, by more than 5 %</source>
        <translation>Ausgabefehler in B geteilt durch den in A: über 1, wo B schlechter ist
▲ B ist schlechter   ● B ist besser, jeweils um mehr als 5 %</translation>
    </message>
    <message>
        <source>SQNR A</source>
        <translation>SQNR A</translation>
    </message>
    <message>
        <source>Signal to quantization noise of the weights in A: 10·log10 of Σw² over Σ(w − ŵ)²; more is better</source>
        <translation>Signal-Quantisierungsrausch-Verhältnis der Gewichte in A: 10·log10 des Verhältnisses Σw² zu Σ(w − ŵ)²; höher ist besser</translation>
    </message>
    <message>
        <source>Signal to quantization noise of the weights in B</source>
        <translation>Signal-Quantisierungsrausch-Verhältnis der Gewichte in B</translation>
    </message>
    <message>
        <source>B − A</source>
        <translation>B − A</translation>
    </message>
    <message>
        <source>SQNR in B less that in A: positive where B is better</source>
        <translation>SQNR in B minus SQNR in A: positiv, wo B besser ist</translation>
    </message>
    <message>
        <source>Bits/weight A</source>
        <translation>Bit/Gewicht A</translation>
    </message>
    <message>
        <source>Stored bits of codes, scales and zeros over the number of weights, in A</source>
        <translation>Gespeicherte Bits von Codes, Skalen und Nullpunkten geteilt durch die Anzahl der Gewichte, in A</translation>
    </message>
    <message>
        <source>Stored bits of codes, scales and zeros over the number of weights, in B</source>
        <translation>Gespeicherte Bits von Codes, Skalen und Nullpunkten geteilt durch die Anzahl der Gewichte, in B</translation>
    </message>
    <message>
        <source>Size A</source>
        <translation>Größe A</translation>
    </message>
    <message>
        <source>Stored bytes in A</source>
        <translation>Gespeicherte Bytes in A</translation>
    </message>
    <message>
        <source>Stored bytes in B</source>
        <translation>Gespeicherte Bytes in B</translation>
    </message>
    <message>
        <source>Stored bytes in B over those in A</source>
        <translation>Gespeicherte Bytes in B geteilt durch die in A</translation>
    </message>
</context>
<context>
    <name>Core</name>
    <message>
        <source>Round to nearest</source>
        <translation>Runden zum Nächsten</translation>
    </message>
    <message>
        <source>Rounds every weight to the nearest level of its granule's min/max grid. Needs no calibration.</source>
        <translation>Rundet jedes Gewicht auf die nächste Stufe des Min/Max-Gitters seiner Einheit (Gruppe, Kanal oder Tensor). Benötigt keine Kalibrierung.</translation>
    </message>
    <message>
        <source>Round to nearest, clipped</source>
        <translation>Runden zum Nächsten mit Clip</translation>
    </message>
    <message>
        <source>Round to nearest with the range of each granule shrunk to the one of least mean squared error. Needs no calibration.</source>
        <translation>Runden zum Nächsten, wobei der Bereich jeder Einheit (Gruppe, Kanal oder Tensor) auf den mit dem kleinsten mittleren quadratischen Fehler verkleinert wird. Benötigt keine Kalibrierung.</translation>
    </message>
    <message>
        <source>Smallest range tried, as a share of the min/max range.</source>
        <translation>Kleinster probierter Bereich als Anteil am Min/Max-Bereich.</translation>
    </message>
    <message>
        <source>Ranges tried, evenly spaced from the smallest to the full.</source>
        <translation>Anzahl der probierten Bereiche, in gleichen Abständen vom kleinsten bis zum vollen.</translation>
    </message>
    <message>
        <source>GPTQ</source>
        <translation>GPTQ</translation>
    </message>
    <message>
        <source>Rounds the inputs in turn and spreads each rounding error over the inputs not yet rounded, by the inverse Hessian of the calibration inputs.</source>
        <translation>Rundet die Eingaben der Reihe nach und verteilt jeden Rundungsfehler anhand der inversen Hesse-Matrix der Kalibriereingaben auf die noch nicht gerundeten Eingaben.</translation>
    </message>
    <message>
        <source>Added to the Hessian's diagonal, as a share of its mean. Raised by itself when the factorization fails.</source>
        <translation>Wird zur Diagonale der Hesse-Matrix addiert, als Anteil an deren Mittelwert. Erhöht sich von selbst, wenn die Faktorisierung scheitert.</translation>
    </message>
    <message>
        <source>Rounds the inputs with the largest activations first.</source>
        <translation>Rundet die Eingaben mit den größten Aktivierungen zuerst.</translation>
    </message>
    <message>
        <source>With act_order: finds the grids of all groups first, from neighboring inputs, so that no group index has to be stored.</source>
        <translation>Mit act_order: Bestimmt zuerst die Gitter aller Gruppen aus benachbarten Eingaben, sodass kein Gruppenindex gespeichert werden muss.</translation>
    </message>
    <message>
        <source>Shrinks the range of each granule to the one of least mean squared error.</source>
        <translation>Verkleinert den Bereich jeder Einheit (Gruppe, Kanal oder Tensor) auf den mit dem kleinsten mittleren quadratischen Fehler.</translation>
    </message>
    <message>
        <source>Inputs per lazily applied update: speed only, the result is the same up to rounding.</source>
        <translation>Eingaben je verzögert angewandter Aktualisierung: betrifft nur die Geschwindigkeit, das Ergebnis ist bis auf Rundung dasselbe.</translation>
    </message>
    <message>
        <source>linear</source>
        <translation>linear</translation>
    </message>
    <message>
        <source>embedding</source>
        <translation>Embedding</translation>
    </message>
    <message>
        <source>convolution</source>
        <translation>Faltung</translation>
    </message>
    <message>
        <source>other</source>
        <translation>sonstige</translation>
    </message>
    <message>
        <source>decoupleQ</source>
        <translation>decoupleQ</translation>
    </message>
    <message>
        <source>Optimizes integers and scales with zeros in turn against the Hessian of the calibration inputs; then trains scales, zeros and norms of each block so that its output matches the float block's. Strong at 2 and 3 bits.</source>
        <translation>Optimiert abwechselnd die ganzen Zahlen und die Skalen mit Nullpunkten gegen die Hesse-Matrix der Kalibriereingaben; trainiert dann Skalen, Nullpunkte und Normen jedes Blocks, sodass seine Ausgabe der des float-Blocks gleicht. Stark bei 2 und 3 Bit.</translation>
    </message>
    <message>
        <source>Rounds N of the alternation: 0 rounds to nearest, 1 takes the better of that and GPTQ, each further one optimizes integers, then scales and zeros.</source>
        <translation>Runden N des Wechsels: 0 rundet zum Nächsten, 1 nimmt das Bessere von diesem und GPTQ, jede weitere optimiert ganze Zahlen, dann Skalen und Nullpunkte.</translation>
    </message>
    <message>
        <source>How integers are found: one sweep over the inputs as GPTQ does (second level), or within the range of the codes (first level) by coordinate descent or by the projected Adam of the official code. First level is much slower, for small layers.</source>
        <translation>Wie die ganzen Zahlen gefunden werden: in einem Durchgang über die Eingaben wie bei GPTQ (zweite Ebene) oder innerhalb des Bereichs der Codes (erste Ebene) durch Koordinatenabstieg oder durch das projizierte Adam des offiziellen Programms. Die erste Ebene ist viel langsamer, für kleine Schichten.</translation>
    </message>
    <message>
        <source>First level: steps M within the range before the first rounding.</source>
        <translation>Erste Ebene: Schritte M innerhalb des Bereichs vor dem ersten Runden.</translation>
    </message>
    <message>
        <source>First level: steps K after each rounded input.</source>
        <translation>Erste Ebene: Schritte K nach jedem gerundeten Eingabe.</translation>
    </message>
    <message>
        <source>Step of the projected Adam before the first rounding, in units of the weights.</source>
        <translation>Schrittweite des projizierten Adam vor dem ersten Runden, in Einheiten der Gewichte.</translation>
    </message>
    <message>
        <source>Sweeps of integer coordinate descent at the end, each with new scales and zeros. Never raises the error. Not in the paper.</source>
        <translation>Durchgänge ganzzahligen Koordinatenabstiegs am Ende, jeder mit neuen Skalen und Nullpunkten. Erhöht den Fehler nie. Nicht in der Veröffentlichung.</translation>
    </message>
    <message>
        <source>Added to the Hessian's diagonal, as a share of its mean.</source>
        <translation>Wird zur Diagonale der Hesse-Matrix addiert, als Anteil ihres Mittelwerts.</translation>
    </message>
    <message>
        <source>Stores zeros as real numbers, as the paper does. Without it they are integers, which formats like GPTQ's need.</source>
        <translation>Speichert Nullpunkte als reelle Zahlen wie in der Veröffentlichung. Sonst sind sie ganze Zahlen, wie Formate wie das von GPTQ sie brauchen.</translation>
    </message>
    <message>
        <source>Trains scales, zeros and norms of each block with the integers frozen.</source>
        <translation>Trainiert Skalen, Nullpunkte und Normen jedes Blocks bei festgehaltenen ganzen Zahlen.</translation>
    </message>
    <message>
        <source>Passes over the calibration windows per block.</source>
        <translation>Durchläufe durch die Kalibrierfenster je Block.</translation>
    </message>
    <message>
        <source>Calibration windows per step of Adam.</source>
        <translation>Kalibrierfenster je Schritt von Adam.</translation>
    </message>
    <message>
        <source>Learning rate of Adam in the block stage.</source>
        <translation>Lernrate von Adam in der Blockphase.</translation>
    </message>
    <message>
        <source>Decay of Adam's mean of gradients.</source>
        <translation>Abklingen von Adams Mittel der Gradienten.</translation>
    </message>
    <message>
        <source>Decay of Adam's mean of squared gradients.</source>
        <translation>Abklingen von Adams Mittel der quadrierten Gradienten.</translation>
    </message>
    <message>
        <source>Added to Adam's denominator.</source>
        <translation>Wird zu Adams Nenner addiert.</translation>
    </message>
    <message>
        <source>L2 weight decay of everything trained.</source>
        <translation>L2-Gewichtsabnahme von allem, was trainiert wird.</translation>
    </message>
    <message>
        <source>Passes without a lower loss before a block stops early; 0: never. The best state is kept in any case.</source>
        <translation>Durchläufe ohne kleineren Verlust, nach denen ein Block vorzeitig endet; 0: nie. Der beste Zustand wird in jedem Fall behalten.</translation>
    </message>
    <message>
        <source>Trains the block's norm weights too.</source>
        <translation>Trainiert auch die Norm-Gewichte des Blocks.</translation>
    </message>
    <message>
        <source>Trains the biases of linear layers too.</source>
        <translation>Trainiert auch die Biases linearer Schichten.</translation>
    </message>
    <message>
        <source>At the end, trains scales, zeros and norms of all blocks together to predict the calibration text (supervised fine-tuning).</source>
        <translation>Trainiert am Ende Skalen, Nullpunkte und Normen aller Blöcke zusammen darauf, den Kalibriertext vorherzusagen (überwachte Feinabstimmung).</translation>
    </message>
    <message>
        <source>Passes over the calibration windows in the fine-tuning.</source>
        <translation>Durchläufe durch die Kalibrierfenster in der Feinabstimmung.</translation>
    </message>
    <message>
        <source>Learning rate of the fine-tuning.</source>
        <translation>Lernrate der Feinabstimmung.</translation>
    </message>
    <message>
        <source>L2 weight decay of the fine-tuning.</source>
        <translation>L2-Gewichtsabnahme der Feinabstimmung.</translation>
    </message>
    <message>
        <source>Power exponent a of the grid, 0.15 to 1.6; 0 searches the best one. 1 is a uniform grid, less has finer levels near zero.</source>
        <translation>Potenzexponent a des Gitters, 0,15 bis 1,6; 0 sucht den besten. 1 ist ein gleichförmiges Gitter, kleinere Werte haben feinere Stufen nahe null.</translation>
    </message>
    <message>
        <source>One exponent for each layer, for all layers of the model, or for each row.</source>
        <translation>Ein Exponent für jede Schicht, für alle Schichten des Modells oder für jede Zeile.</translation>
    </message>
    <message>
        <source>Which exponents may be chosen: any; 1/2 or 1, which integer arithmetic computes exactly, unless another gains more than 0.1 dB; or only those two.</source>
        <translation>Welche Exponenten in Frage kommen: jeder; 1/2 oder 1, mit denen ganze Zahlen exakt rechnen, außer ein anderer gewinnt mehr als 0,1 dB; oder nur diese beiden.</translation>
    </message>
    <message>
        <source>Scales are the largest magnitude of their granule; or a share of it that is searched together with the exponent, common to all granules or for each one.</source>
        <translation>Skalen sind der größte Betrag ihres Granulats; oder ein Anteil davon, der zusammen mit dem Exponenten gesucht wird, gemeinsam für alle Granulate oder für jedes eigens.</translation>
    </message>
    <message>
        <source>Smallest share of the largest magnitude that is tried as a scale.</source>
        <translation>Kleinster Anteil des größten Betrags, der als Skala versucht wird.</translation>
    </message>
    <message>
        <source>Levels without zero and with one magnitude more. At 2 bits the exponent has no effect otherwise; auto takes them there where the error is less.</source>
        <translation>Stufen ohne Null und mit einem Betrag mehr. Bei 2 Bit hat der Exponent sonst keine Wirkung; auto nimmt sie dort, wo der Fehler kleiner ist.</translation>
    </message>
    <message>
        <source>Share of the weights kept as floats beside the codes, those that save most error.</source>
        <translation>Anteil der Gewichte, die neben den Codes als Gleitkommazahlen behalten werden: jene, die am meisten Fehler sparen.</translation>
    </message>
    <message>
        <source>PowerQuant</source>
        <translation>PowerQuant</translation>
    </message>
    <message>
        <source>Non-uniform levels from a power function whose exponent is searched for each layer. Needs no calibration.</source>
        <translation>Ungleichförmige Stufen aus einer Potenzfunktion, deren Exponent für jede Schicht gesucht wird. Braucht keine Kalibrierung.</translation>
    </message>
    <message>
        <source>In the domain of the power function, as the paper does, or to the nearest level, which never has the larger error.</source>
        <translation>Im Bereich der Potenzfunktion, wie in der Veröffentlichung, oder zur nächsten Stufe, was nie den größeren Fehler hat.</translation>
    </message>
    <message>
        <source>How the exponent is found: over the whole range with exact errors, or by Nelder-Mead from 1, which can end in a worse basin.</source>
        <translation>Wie der Exponent gefunden wird: über den ganzen Bereich mit exakten Fehlern oder mit Nelder-Mead ab 1, was in einer schlechteren Senke enden kann.</translation>
    </message>
    <message>
        <source>The search minimizes the sum of the errors' magnitudes to this power.</source>
        <translation>Die Suche minimiert die Summe der Fehlerbeträge hoch dieser Zahl.</translation>
    </message>
    <message>
        <source>NUPES</source>
        <translation>NUPES</translation>
    </message>
    <message>
        <source>Learns the codes of a power grid over all its levels, with its scales and its exponent, against the Hessian of the calibration inputs.</source>
        <translation>Lernt die Codes eines Potenzgitters über alle seine Stufen, mit seinen Skalen und seinem Exponenten, gegen die Hessematrix der Kalibriereingaben.</translation>
    </message>
    <message>
        <source>How codes are learned: coordinate descent over all levels in turn with scales and exponent; gradient steps on latent codes; or only up or down as AdaRound does, for comparison.</source>
        <translation>Wie Codes gelernt werden: Koordinatenabstieg über alle Stufen im Wechsel mit Skalen und Exponent; Gradientenschritte auf latenten Codes; oder nur auf oder ab wie bei AdaRound, zum Vergleich.</translation>
    </message>
    <message>
        <source>Rounds of the alternation at most.</source>
        <translation>Höchstzahl der Runden des Wechsels.</translation>
    </message>
    <message>
        <source>Learns the scales with the codes.</source>
        <translation>Lernt die Skalen mit den Codes.</translation>
    </message>
    <message>
        <source>Learns the exponent with the codes.</source>
        <translation>Lernt den Exponenten mit den Codes.</translation>
    </message>
    <message>
        <source>After the alternation, gradient steps from the float weights and another alternation; the better result is kept.</source>
        <translation>Nach dem Wechsel Gradientenschritte ab den Gleitkommagewichten und ein weiterer Wechsel; das bessere Ergebnis bleibt.</translation>
    </message>
    <message>
        <source>Added to the Hessian's diagonal for the first sweep, as a share of its mean.</source>
        <translation>Für den ersten Durchgang zur Diagonale der Hessematrix addiert, als Anteil ihres Mittels.</translation>
    </message>
    <message>
        <source>Aims at the outputs that the float network has on its own inputs, not on those of the quantized one; damped like the first sweep. For true-sequential calibration, where the float network then runs beside the quantized one; seldom a gain with sequential, no effect with float.</source>
        <translation>Zielt auf die Ausgaben, die das Gleitkommanetz auf seinen eigenen Eingaben hat, nicht auf denen des quantisierten; gedämpft wie der erste Durchgang. Für Kalibrierung Schicht für Schicht (true-sequential), bei der das Gleitkommanetz dann neben dem quantisierten läuft; mit sequential selten ein Gewinn, mit float ohne Wirkung.</translation>
    </message>
    <message>
        <source>Gradient steps.</source>
        <translation>Gradientenschritte.</translation>
    </message>
    <message>
        <source>Learning rate of codes, in codes.</source>
        <translation>Lernrate der Codes, in Codes.</translation>
    </message>
    <message>
        <source>Learning rate of the exponent.</source>
        <translation>Lernrate des Exponenten.</translation>
    </message>
    <message>
        <source>Learning rate of the scales' logarithm.</source>
        <translation>Lernrate des Logarithmus der Skalen.</translation>
    </message>
    <message>
        <source>Up-down: how hard weights are pushed to one of the two levels.</source>
        <translation>Auf oder ab: wie stark Gewichte zu einer der beiden Stufen gedrängt werden.</translation>
    </message>
    <message>
        <source>Trains codes, scales, exponents and norms of each block so that its output matches the float block's.</source>
        <translation>Trainiert Codes, Skalen, Exponenten und Normen jedes Blocks, sodass seine Ausgabe der des Gleitkommablocks gleicht.</translation>
    </message>
    <message>
        <source>Learning rate of scales and norms.</source>
        <translation>Lernrate von Skalen und Normen.</translation>
    </message>
    <message>
        <source>Learning rate of codes, in codes; 0 freezes them.</source>
        <translation>Lernrate der Codes, in Codes; 0 friert sie ein.</translation>
    </message>
    <message>
        <source>Learning rate of exponents; 0 freezes them.</source>
        <translation>Lernrate der Exponenten; 0 friert sie ein.</translation>
    </message>
    <message>
        <source>ONNX graph</source>
        <translation>ONNX-Graph</translation>
    </message>
    <message>
        <source>ONNX graph (not run)</source>
        <translation>ONNX-Graph (läuft nicht)</translation>
    </message>
    <message>
        <source>Keras model</source>
        <translation>Keras-Modell</translation>
    </message>
    <message>
        <source>Keras model (not run)</source>
        <translation>Keras-Modell (läuft nicht)</translation>
    </message>
    <message>
        <source>GGUF model (not run)</source>
        <translation>GGUF-Modell (läuft nicht)</translation>
    </message>
    <message>
        <source>unknown</source>
        <translation>unbekannt</translation>
    </message>
    <message>
        <source>1 image, %1</source>
        <translation>1 Bild, %1</translation>
    </message>
    <message>
        <source>%1 images, %2</source>
        <translation>%1 Bilder, %2</translation>
    </message>
    <message>
        <source>images are resized to %1: the first one has %2</source>
        <translation>Bilder werden auf %1 skaliert: das erste hat %2</translation>
    </message>
    <message>
        <source>the file is %1, the model wants %2: turned</source>
        <translation>die Datei ist %1, das Modell erwartet %2: gedreht</translation>
    </message>
    <message>
        <source>some values are not finite numbers</source>
        <translation>manche Werte sind keine endlichen Zahlen</translation>
    </message>
    <message>
        <source>some values are negative: they are taken as normalized already, and the model's mean and deviation left out</source>
        <translation>manche Werte sind negativ: sie gelten als schon normalisiert, Mittelwert und Streuung des Modells bleiben weg</translation>
    </message>
    <message>
        <source>values lie in 0 … 1: the model's mean and deviation, which are for 0 … 255, are divided by 255</source>
        <translation>die Werte liegen in 0 … 1: Mittelwert und Streuung des Modells, die für 0 … 255 gelten, werden durch 255 geteilt</translation>
    </message>
    <message>
        <source>values lie in %1, and nothing states a mean</source>
        <translation>die Werte liegen in %1, und nirgends ist ein Mittelwert angegeben</translation>
    </message>
    <message>
        <source>what is fed has mean %1 and deviation %2; networks expect about 0 and 1</source>
        <translation>was eingegeben wird, hat Mittelwert %1 und Streuung %2; Netze erwarten etwa 0 und 1</translation>
    </message>
    <message>
        <source>%1 labels for %2 samples: the last samples have none</source>
        <translation>%1 Labels für %2 Stichproben: die letzten haben keins</translation>
    </message>
    <message>
        <source>%1 labels for %2 samples: the last labels are not used</source>
        <translation>%1 Labels für %2 Stichproben: die letzten Labels bleiben ungenutzt</translation>
    </message>
    <message>
        <source>%1 labels, up to %2, lie outside of the model's %3 classes; their samples count as not labeled</source>
        <translation>%1 Labels bis %2 liegen außerhalb der %3 Klassen des Modells; ihre Stichproben zählen als ohne Label</translation>
    </message>
    <message>
        <source>What the outputs of a softmax are rounded to: powers of the square root of 1/2, powers of 1/2 as FQ-ViT does, or evenly spaced levels.</source>
        <translation>Worauf die Ausgaben eines Softmax gerundet werden: Potenzen der Wurzel aus 1/2, Potenzen von 1/2 wie bei FQ-ViT oder gleichförmige Stufen.</translation>
    </message>
    <message>
        <source>How probabilities below the smallest power are held: as 0, by a state beside the powers or by one of them; or as the smallest power, so that small ones add up.</source>
        <translation>Wie Wahrscheinlichkeiten unter der kleinsten Potenz gehalten werden: als 0, durch einen Zustand neben den Potenzen oder einen von ihnen; oder als kleinste Potenz, sodass kleine sich summieren.</translation>
    </message>
    <message>
        <source>Static, min/max</source>
        <translation>Statisch, Min/Max</translation>
    </message>
    <message>
        <source>Weights and inputs on uniform grids from the smallest to the largest value: of each row of the weight, and of all calibration inputs of the layer. A baseline.</source>
        <translation>Gewichte und Eingaben auf gleichförmigen Gittern vom kleinsten bis zum größten Wert: jeder Zeile des Gewichts und aller Kalibriereingaben der Schicht. Eine Vergleichsgrundlage.</translation>
    </message>
    <message>
        <source>Static, percentiles</source>
        <translation>Statisch, Perzentile</translation>
    </message>
    <message>
        <source>Weights and inputs on uniform grids between the percentiles of least squared error: of each row of the weight, and of all calibration inputs of the layer. A baseline.</source>
        <translation>Gewichte und Eingaben auf gleichförmigen Gittern zwischen den Perzentilen mit dem kleinsten quadratischen Fehler: jeder Zeile des Gewichts und aller Kalibriereingaben der Schicht. Eine Vergleichsgrundlage.</translation>
    </message>
    <message>
        <source>Static, least squares</source>
        <translation>Statisch, kleinste Quadrate</translation>
    </message>
    <message>
        <source>Weights and inputs on uniform grids whose range is shrunk to the one of least squared error: of each row of the weight, and of all calibration inputs of the layer. A baseline.</source>
        <translation>Gewichte und Eingaben auf gleichförmigen Gittern, deren Bereich auf den mit dem kleinsten quadratischen Fehler verengt ist: jeder Zeile des Gewichts und aller Kalibriereingaben der Schicht. Eine Vergleichsgrundlage.</translation>
    </message>
    <message>
        <source>SmoothQuant</source>
        <translation>SmoothQuant</translation>
    </message>
    <message>
        <source>Divides channels of what a norm puts out and multiplies the weights that read them, so that outliers are shared between both; then uniform static grids for all inputs of a layer and each row of its weight. A baseline.</source>
        <translation>Teilt Kanäle der Ausgaben einer Norm und multipliziert die Gewichte, die sie lesen, sodass beide sich die Ausreißer teilen; dann gleichförmige statische Gitter für alle Eingaben einer Schicht und jede Zeile ihres Gewichts. Eine Vergleichsgrundlage.</translation>
    </message>
    <message>
        <source>How much of the channels' range goes to the weights: 0 none, 1 all of it.</source>
        <translation>Wie viel vom Bereich der Kanäle auf die Gewichte übergeht: 0 nichts, 1 alles.</translation>
    </message>
    <message>
        <source>Range of the inputs' grid: all values, between percentiles, or shrunk to the least squared error.</source>
        <translation>Bereich des Gitters der Eingaben: alle Werte, zwischen Perzentilen oder verengt auf den kleinsten quadratischen Fehler.</translation>
    </message>
    <message>
        <source>RepQ-ViT</source>
        <translation>RepQ-ViT</translation>
    </message>
    <message>
        <source>Finds a grid for each channel of what a norm puts out and folds them into one by changing the norm and the weights that read it; outputs of softmax go to powers of the square root of 1/2.</source>
        <translation>Findet ein Gitter für jeden Kanal der Ausgaben einer Norm und faltet sie zu einem, indem die Norm und die Gewichte, die sie lesen, geändert werden; Ausgaben des Softmax gehen auf Potenzen der Wurzel aus 1/2.</translation>
    </message>
    <message>
        <source>As the official code does it: fractional_zeros, zero_state extra and stale_ranges, whatever these say.</source>
        <translation>Wie der offizielle Code es macht: fractional_zeros, zero_state extra und stale_ranges, was diese auch sagen.</translation>
    </message>
    <message>
        <source>The zero of a folded grid is the channels' mean as it is, not rounded. Then codes are no integers, and not those of the channels.</source>
        <translation>Der Nullpunkt eines gefalteten Gitters ist der Mittelwert der Kanäle, wie er ist, nicht gerundet. Dann sind Codes keine ganzen Zahlen und nicht die der Kanäle.</translation>
    </message>
    <message>
        <source>Grids keep the ranges found before norms were folded, and are not found anew on what the folded network computes.</source>
        <translation>Gitter behalten die Bereiche, die vor dem Falten der Normen gefunden wurden, statt auf dem gefalteten Netz neu gefunden zu werden.</translation>
    </message>
    <message>
        <source>RepQuant</source>
        <translation>RepQuant</translation>
    </message>
    <message>
        <source>RepQ-ViT with limits searched for each channel, upper and lower, and with weights reconstructed on the quantized inputs.</source>
        <translation>RepQ-ViT mit gesuchten Grenzen für jeden Kanal, oben und unten, und mit Gewichten, die auf den quantisierten Eingaben rekonstruiert werden.</translation>
    </message>
    <message>
        <source>How the limits of channels are found: percentiles, a deterministic search over a grid, or gradient steps. Limits of a larger error than the percentiles' are not taken.</source>
        <translation>Wie die Grenzen der Kanäle gefunden werden: Perzentile, eine deterministische Suche über ein Raster oder Gradientenschritte. Grenzen mit größerem Fehler als die der Perzentile werden nicht genommen.</translation>
    </message>
    <message>
        <source>Moves weights to where they make up for the errors of the inputs before they are quantized, and biases after.</source>
        <translation>Rückt Gewichte vor dem Quantisieren dorthin, wo sie die Fehler der Eingaben ausgleichen, und Biase danach.</translation>
    </message>
    <message>
        <source>How much weights are held to what they were, as a share of the Hessian's mean diagonal; -1 chooses it on calibration rows that are held out.</source>
        <translation>Wie stark Gewichte bei dem gehalten werden, was sie waren, als Anteil an der mittleren Diagonale der Hesse-Matrix; -1 wählt es auf zurückgehaltenen Kalibrierzeilen.</translation>
    </message>
    <message>
        <source>Aims at the outputs that the float network has on its own inputs, not on those of the quantized one.</source>
        <translation>Zielt auf die Ausgaben, die das float-Netz auf seinen eigenen Eingaben hat, nicht auf denen des quantisierten.</translation>
    </message>
    <message>
        <source>How weights are quantized, with the default options of that method; of decoupleQ its layer-wise part.</source>
        <translation>Wie Gewichte quantisiert werden, mit den Voreinstellungen dieser Methode; von decoupleQ der schichtweise Teil.</translation>
    </message>
</context>
<context>
    <name>Decibel</name>
    <message>
        <source>%1 dB</source>
        <translation>%1 dB</translation>
    </message>
</context>
<context>
    <name>ErrorShares</name>
    <message>
        <source>Weights only</source>
        <translation>Nur Gewichte</translation>
    </message>
    <message>
        <source>Inputs only</source>
        <translation>Nur Eingaben</translation>
    </message>
    <message>
        <source>Both</source>
        <translation>Beide</translation>
    </message>
    <message>
        <source>%1 (%2)</source>
        <translation>%1 (%2)</translation>
    </message>
</context>
<context>
    <name>GainKind</name>
    <message>
        <source>In all</source>
        <translation>Insgesamt</translation>
    </message>
    <message>
        <source>Outliers</source>
        <translation>Ausreißer</translation>
    </message>
    <message>
        <source>Clip</source>
        <translation>Clip</translation>
    </message>
    <message>
        <source>Exponent</source>
        <translation>Exponent</translation>
    </message>
    <message>
        <source>Nearest levels</source>
        <translation>Nächste Stufen</translation>
    </message>
    <message>
        <source>Codes</source>
        <translation>Codes</translation>
    </message>
    <message>
        <source>Scales</source>
        <translation>Skalen</translation>
    </message>
    <message>
        <source>Exponent again</source>
        <translation>Exponent erneut</translation>
    </message>
    <message>
        <source>Gradient</source>
        <translation>Gradient</translation>
    </message>
    <message>
        <source>Block stage</source>
        <translation>Blockphase</translation>
    </message>
    <message>
        <source>Fine-tuning</source>
        <translation>Feinabstimmung</translation>
    </message>
    <message>
        <source>The weights that cost most are kept as floats.</source>
        <translation>Die Gewichte, die am meisten kosten, bleiben Gleitkommazahlen.</translation>
    </message>
    <message>
        <source>Scales below the largest magnitudes.</source>
        <translation>Skalen unter den größten Beträgen.</translation>
    </message>
    <message>
        <source>A power grid in place of the uniform one.</source>
        <translation>Ein Potenzgitter anstelle des gleichförmigen.</translation>
    </message>
    <message>
        <source>Nearest levels in place of rounding in the power domain.</source>
        <translation>Nächste Stufen anstelle des Rundens im Potenzbereich.</translation>
    </message>
    <message>
        <source>Codes chosen for the output error instead of the weights' own.</source>
        <translation>Codes für den Ausgabefehler statt für den der Gewichte gewählt.</translation>
    </message>
    <message>
        <source>Scales fitted to the codes.</source>
        <translation>Skalen an die Codes angepasst.</translation>
    </message>
    <message>
        <source>The exponent fitted to codes and scales.</source>
        <translation>Der Exponent an Codes und Skalen angepasst.</translation>
    </message>
    <message>
        <source>Gradient steps on latent codes.</source>
        <translation>Gradientenschritte auf latenten Codes.</translation>
    </message>
    <message>
        <source>The training of the block: it serves the block's output, and the layer's own error may rise.</source>
        <translation>Das Training des Blocks: Es dient der Ausgabe des Blocks; der Fehler der Schicht selbst kann steigen.</translation>
    </message>
    <message>
        <source>The training of the whole model: the layer's own error may rise.</source>
        <translation>Das Training des ganzen Modells: Der Fehler der Schicht selbst kann steigen.</translation>
    </message>
</context>
<context>
    <name>LayerExpression</name>
    <message>
        <source>There is no “(” for this “)”</source>
        <translation>Zu dieser „)“ fehlt die „(“</translation>
    </message>
    <message>
        <source>Something is missing after “or”</source>
        <translation>Nach „or“ fehlt etwas</translation>
    </message>
    <message>
        <source>Something is missing after “and”</source>
        <translation>Nach „and“ fehlt etwas</translation>
    </message>
    <message>
        <source>Too many parentheses within each other</source>
        <translation>Zu tief verschachtelte Klammern</translation>
    </message>
    <message>
        <source>Something is missing before “%1”</source>
        <translation>Vor „%1“ fehlt etwas</translation>
    </message>
    <message>
        <source>Something is missing after “not”</source>
        <translation>Nach „not“ fehlt etwas</translation>
    </message>
    <message>
        <source>There is nothing in the parentheses</source>
        <translation>In den Klammern steht nichts</translation>
    </message>
    <message>
        <source>This “(” is not closed</source>
        <translation>Diese „(“ wird nicht geschlossen</translation>
    </message>
    <message>
        <source>A field must stand before “%1”, as in bits&lt;4</source>
        <translation>Vor „%1“ muss ein Feld stehen, wie in bits&lt;4</translation>
    </message>
    <message>
        <source>There is no field “%1”; the fields are %2</source>
        <translation>Es gibt kein Feld „%1“; die Felder sind %2</translation>
    </message>
    <message>
        <source>There is no pattern between the slashes</source>
        <translation>Zwischen den Schrägstrichen steht kein Muster</translation>
    </message>
    <message>
        <source>The second “/” is missing</source>
        <translation>Das zweite „/“ fehlt</translation>
    </message>
    <message>
        <source>The second “"” is missing</source>
        <translation>Das zweite „"“ fehlt</translation>
    </message>
    <message>
        <source>“%1” is either so or not: write %1 or not %1</source>
        <translation>„%1“ trifft zu oder nicht: %1 oder not %1 schreiben</translation>
    </message>
    <message>
        <source>A value is missing after “%1”</source>
        <translation>Nach „%1“ fehlt ein Wert</translation>
    </message>
    <message>
        <source>“%1” is no answer, expected yes or no</source>
        <translation>„%1“ ist keine Antwort, erwartet wird yes oder no</translation>
    </message>
    <message>
        <source>“%1” is a number and takes no pattern</source>
        <translation>„%1“ ist eine Zahl und lässt kein Muster zu</translation>
    </message>
    <message>
        <source>“%1” is a text: use =, != or ~</source>
        <translation>„%1“ ist ein Text: =, != oder ~ verwenden</translation>
    </message>
    <message>
        <source>“%1” is no value for %2, expected %3</source>
        <translation>„%1“ ist kein Wert für %2, erwartet wird %3</translation>
    </message>
    <message>
        <source>a size such as 512KiB or 4MiB</source>
        <translation>eine Größe wie 512KiB oder 4MiB</translation>
    </message>
    <message>
        <source>a number such as 1000 or 4M</source>
        <translation>eine Zahl wie 1000 oder 4M</translation>
    </message>
    <message>
        <source>a share such as 5% or 0.05</source>
        <translation>ein Anteil wie 5% oder 0.05</translation>
    </message>
    <message>
        <source>decibels such as 15</source>
        <translation>ein Wert in Dezibel wie 15</translation>
    </message>
    <message>
        <source>a number, channel or tensor</source>
        <translation>eine Zahl, channel oder tensor</translation>
    </message>
    <message>
        <source>a number or float</source>
        <translation>eine Zahl oder float</translation>
    </message>
    <message>
        <source>a number</source>
        <translation>eine Zahl</translation>
    </message>
    <message>
        <source>the layer's name</source>
        <translation>Name der Schicht</translation>
    </message>
    <message>
        <source>number of its block, or the block's name, or none</source>
        <translation>Nummer oder Name des Blocks, oder none</translation>
    </message>
    <message>
        <source>linear, embedding, convolution, other</source>
        <translation>linear, embedding, convolution, other</translation>
    </message>
    <message>
        <source>number of weights; k, M, G</source>
        <translation>Anzahl der Gewichte; k, M, G</translation>
    </message>
    <message>
        <source>the method's name or title, or float</source>
        <translation>Name oder Titel der Methode, oder float</translation>
    </message>
    <message>
        <source>bits of a code, or float</source>
        <translation>Bits eines Codes, oder float</translation>
    </message>
    <message>
        <source>inputs per group, or channel, or tensor</source>
        <translation>Eingaben je Gruppe, oder channel, oder tensor</translation>
    </message>
    <message>
        <source>stored bits per weight</source>
        <translation>gespeicherte Bits je Gewicht</translation>
    </message>
    <message>
        <source>stored bytes; KiB, MiB, GiB</source>
        <translation>gespeicherte Bytes; KiB, MiB, GiB</translation>
    </message>
    <message>
        <source>SQNR of the weights in dB</source>
        <translation>SQNR der Gewichte in dB</translation>
    </message>
    <message>
        <source>cosine between weights before and after</source>
        <translation>Kosinus zwischen den Gewichten vorher und nachher</translation>
    </message>
    <message>
        <source>relative output error</source>
        <translation>relativer Ausgabefehler</translation>
    </message>
    <message>
        <source>share of weights beyond 6 σ</source>
        <translation>Anteil der Gewichte jenseits von 6 σ</translation>
    </message>
    <message>
        <source>has a symmetric grid</source>
        <translation>hat ein symmetrisches Gitter</translation>
    </message>
    <message>
        <source>is locked</source>
        <translation>ist gesperrt</translation>
    </message>
    <message>
        <source>stays float</source>
        <translation>bleibt float</translation>
    </message>
    <message>
        <source>has a choice of its own</source>
        <translation>hat eine eigene Wahl</translation>
    </message>
    <message>
        <source>has numbers from a run</source>
        <translation>hat Werte aus einem Lauf</translation>
    </message>
    <message>
        <source>its numbers no longer belong to the recipe</source>
        <translation>ihre Werte gehören nicht mehr zum Rezept</translation>
    </message>
    <message>
        <source>exponent of the power grid</source>
        <translation>Exponent des Potenzgitters</translation>
    </message>
    <message>
        <source>share of weights kept as floats</source>
        <translation>Anteil der als Gleitkommazahlen behaltenen Gewichte</translation>
    </message>
    <message>
        <source>bits of the layer's inputs, or float</source>
        <translation>Bit der Eingaben der Schicht, oder float</translation>
    </message>
    <message>
        <source>levels of the layer's inputs: power, uniform, float</source>
        <translation>Stufen der Eingaben der Schicht: power, uniform, float</translation>
    </message>
    <message>
        <source>output error with quantized weights only</source>
        <translation>Ausgabefehler nur mit quantisierten Gewichten</translation>
    </message>
    <message>
        <source>output error with quantized inputs only</source>
        <translation>Ausgabefehler nur mit quantisierten Eingaben</translation>
    </message>
    <message>
        <source>output error with weights and inputs quantized</source>
        <translation>Ausgabefehler mit quantisierten Gewichten und Eingaben</translation>
    </message>
</context>
<context>
    <name>LayerMeasures</name>
    <message>
        <source>kept float</source>
        <translation>bleibt float</translation>
    </message>
    <message>
        <source>out of date</source>
        <translation>veraltet</translation>
    </message>
    <message>
        <source>not measured</source>
        <translation>nicht gemessen</translation>
    </message>
    <message>
        <source>not computed</source>
        <translation>nicht berechnet</translation>
    </message>
    <message>
        <source>Output error</source>
        <translation>Ausgabefehler</translation>
    </message>
    <message>
        <source>Weight SQNR</source>
        <translation>Gewichts-SQNR</translation>
    </message>
    <message>
        <source>1 − cosine</source>
        <translation>1 − Kosinus</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>Größe</translation>
    </message>
    <message>
        <source>Relative output error on the calibration inputs: ‖X(W − Ŵ)ᵀ‖² over ‖XWᵀ‖²; less is better</source>
        <translation>Relativer Ausgabefehler auf den Kalibriereingaben: ‖X(W − Ŵ)ᵀ‖² geteilt durch ‖XWᵀ‖²; niedriger ist besser</translation>
    </message>
    <message>
        <source>Signal to quantization noise of the weights: 10·log10 of Σw² over Σ(w − ŵ)²; more is better</source>
        <translation>Signal-Quantisierungsrausch-Verhältnis der Gewichte: 10·log10 des Verhältnisses Σw² zu Σ(w − ŵ)²; höher ist besser</translation>
    </message>
    <message>
        <source>1 − Σwŵ / (‖w‖·‖ŵ‖): how far the quantized weights point away from the original; less is better</source>
        <translation>1 − Σwŵ / (‖w‖·‖ŵ‖): wie weit die Richtung der quantisierten Gewichte vom Original abweicht; niedriger ist besser</translation>
    </message>
    <message>
        <source>Stored bytes: codes, scales and zeros, or the floats of a layer that is kept</source>
        <translation>Gespeicherte Bytes: Codes, Skalen und Nullpunkte, oder die float-Werte einer Schicht, die float bleibt</translation>
    </message>
    <message>
        <source>0.0 dB</source>
        <translation>0.0 dB</translation>
    </message>
    <message>
        <source>+%1 dB</source>
        <translation>+%1 dB</translation>
    </message>
    <message>
        <source>−%1 dB</source>
        <translation>−%1 dB</translation>
    </message>
    <message>
        <source>float</source>
        <translation>float</translation>
    </message>
    <message>
        <source>%1 %2 bit</source>
        <translation>%1 %2 Bit</translation>
    </message>
</context>
<context>
    <name>LayerRows</name>
    <message>
        <source>Measured with: %1</source>
        <translation>Gemessen mit: %1</translation>
    </message>
    <message>
        <source>Measured with other calibration settings</source>
        <translation>Mit anderen Kalibrierungseinstellungen gemessen</translation>
    </message>
    <message>
        <source>Output error measured with other calibration settings</source>
        <translation>Ausgabefehler mit anderen Kalibrierungseinstellungen gemessen</translation>
    </message>
    <message>
        <source>Measured before a layer of an earlier block changed</source>
        <translation>Gemessen, bevor sich eine Schicht eines früheren Blocks geändert hat</translation>
    </message>
    <message>
        <source>Output error measured before a layer of an earlier block changed</source>
        <translation>Ausgabefehler gemessen, bevor sich eine Schicht eines früheren Blocks geändert hat</translation>
    </message>
    <message>
        <source>linear</source>
        <translation>linear</translation>
    </message>
    <message>
        <source>embedding</source>
        <translation>Embedding</translation>
    </message>
    <message>
        <source>convolution</source>
        <translation>Faltung</translation>
    </message>
    <message>
        <source>other</source>
        <translation>sonstige</translation>
    </message>
    <message>
        <source>Inputs of embeddings are tokens: they stay as they are.</source>
        <translation>Eingaben von Embeddings sind Token: sie bleiben, wie sie sind.</translation>
    </message>
    <message>
        <source>Inputs of convolutions stay float with power grids: they can go to uniform ones.</source>
        <translation>Eingaben von Faltungen bleiben bei Potenzgittern float: Sie können auf gleichförmige gehen.</translation>
    </message>
</context>
<context>
    <name>ModelFacts</name>
    <message>
        <source>and %1 more</source>
        <translation>und %1 weitere</translation>
    </message>
    <message>
        <source>calibration text</source>
        <translation>Kalibriertext</translation>
    </message>
    <message>
        <source>calibration images</source>
        <translation>Kalibrierbilder</translation>
    </message>
    <message>
        <source>calibration samples</source>
        <translation>Kalibrierstichproben</translation>
    </message>
    <message>
        <source>one number</source>
        <translation>eine Zahl</translation>
    </message>
    <message>
        <source>batch</source>
        <translation>Stapel</translation>
    </message>
    <message>
        <source>language model</source>
        <translation>Sprachmodell</translation>
    </message>
    <message>
        <source>image classification</source>
        <translation>Bildklassifikation</translation>
    </message>
    <message>
        <source>classification</source>
        <translation>Klassifikation</translation>
    </message>
    <message>
        <source>network of another task</source>
        <translation>Netz für eine andere Aufgabe</translation>
    </message>
    <message>
        <source>weights only</source>
        <translation>nur Gewichte</translation>
    </message>
    <message>
        <source>Task: %1</source>
        <translation>Aufgabe: %1</translation>
    </message>
    <message>
        <source>Input %1</source>
        <translation>Eingabe %1</translation>
    </message>
    <message>
        <source>Output %1</source>
        <translation>Ausgabe %1</translation>
    </message>
    <message>
        <source>Named classes: %1</source>
        <translation>Benannte Klassen: %1</translation>
    </message>
    <message>
        <source>Blocks: %1, layers: %2</source>
        <translation>Blöcke: %1, Schichten: %2</translation>
    </message>
    <message>
        <source>Parameters: %1</source>
        <translation>Parameter: %1</translation>
    </message>
    <message>
        <source>It can be run, calibrated and measured.</source>
        <translation>Es kann ausgeführt, kalibriert und gemessen werden.</translation>
    </message>
    <message>
        <source>It cannot be run: %1</source>
        <translation>Es kann nicht ausgeführt werden: %1</translation>
    </message>
</context>
<context>
    <name>OptionText</name>
    <message>
        <source>Layer by layer</source>
        <translation>Schicht für Schicht</translation>
    </message>
    <message>
        <source>Block stage</source>
        <translation>Blockphase</translation>
    </message>
    <message>
        <source>Fine-tuning</source>
        <translation>Feinabstimmung</translation>
    </message>
    <message>
        <source>Only with a first-level solver.</source>
        <translation>Nur mit einem Löser der ersten Ebene.</translation>
    </message>
    <message>
        <source>Only with the projected Adam.</source>
        <translation>Nur mit dem projizierten Adam.</translation>
    </message>
    <message>
        <source>Only with the block stage.</source>
        <translation>Nur mit der Blockphase.</translation>
    </message>
    <message>
        <source>Only with the block stage or the fine-tuning.</source>
        <translation>Nur mit der Blockphase oder der Feinabstimmung.</translation>
    </message>
    <message>
        <source>Only with the fine-tuning.</source>
        <translation>Nur mit der Feinabstimmung.</translation>
    </message>
    <message>
        <source>From %1 to %2.</source>
        <translation>Von %1 bis %2.</translation>
    </message>
    <message>
        <source>Default: %1</source>
        <translation>Vorgabe: %1</translation>
    </message>
    <message>
        <source>Only with act order.</source>
        <translation>Nur mit act order.</translation>
    </message>
    <message>
        <source>Power grid</source>
        <translation>Potenzgitter</translation>
    </message>
    <message>
        <source>Codes</source>
        <translation>Codes</translation>
    </message>
    <message>
        <source>Gradient steps</source>
        <translation>Gradientenschritte</translation>
    </message>
    <message>
        <source>Each layer's own</source>
        <translation>Jede Schicht eigens</translation>
    </message>
    <message>
        <source>One for the model</source>
        <translation>Einer für das Modell</translation>
    </message>
    <message>
        <source>Each row's own</source>
        <translation>Jede Zeile eigens</translation>
    </message>
    <message>
        <source>Any</source>
        <translation>Beliebig</translation>
    </message>
    <message>
        <source>½ or 1 only</source>
        <translation>Nur ½ oder 1</translation>
    </message>
    <message>
        <source>None</source>
        <translation>Keiner</translation>
    </message>
    <message>
        <source>Common share</source>
        <translation>Gemeinsamer Anteil</translation>
    </message>
    <message>
        <source>Each granule's own</source>
        <translation>Jedes Granulat eigens</translation>
    </message>
    <message>
        <source>Where it helps</source>
        <translation>Wo es hilft</translation>
    </message>
    <message>
        <source>Never</source>
        <translation>Nie</translation>
    </message>
    <message>
        <source>Always</source>
        <translation>Immer</translation>
    </message>
    <message>
        <source>In the power domain</source>
        <translation>Im Potenzbereich</translation>
    </message>
    <message>
        <source>Nearest level</source>
        <translation>Nächste Stufe</translation>
    </message>
    <message>
        <source>Nelder-Mead from 1</source>
        <translation>Nelder-Mead ab 1</translation>
    </message>
    <message>
        <source>Alternation</source>
        <translation>Wechsel</translation>
    </message>
    <message>
        <source>Up or down (AdaRound)</source>
        <translation>Auf oder ab (AdaRound)</translation>
    </message>
    <message>
        <source>Only with a searched exponent, 0.</source>
        <translation>Nur mit gesuchtem Exponenten, 0.</translation>
    </message>
    <message>
        <source>Only with a clip.</source>
        <translation>Nur mit Clip.</translation>
    </message>
    <message>
        <source>Only with a searched exponent, 0, or a clip.</source>
        <translation>Nur mit gesuchtem Exponenten, 0, oder mit Clip.</translation>
    </message>
    <message>
        <source>Only with the solver that goes up or down.</source>
        <translation>Nur mit dem Löser, der auf oder ab geht.</translation>
    </message>
    <message>
        <source>Only with the alternation.</source>
        <translation>Nur mit dem Wechsel.</translation>
    </message>
    <message>
        <source>Only with gradient steps, or when the alternation explores.</source>
        <translation>Nur mit Gradientenschritten oder wenn der Wechsel erkundet.</translation>
    </message>
    <message>
        <source>Whole range, exactly</source>
        <translation>Ganzer Bereich, exakt</translation>
    </message>
    <message>
        <source>a %1</source>
        <translation>a %1</translation>
    </message>
    <message>
        <source>one a for the model</source>
        <translation>ein a für das Modell</translation>
    </message>
    <message>
        <source>a per row</source>
        <translation>a je Zeile</translation>
    </message>
    <message>
        <source>clip</source>
        <translation>Clip</translation>
    </message>
    <message>
        <source>no zero</source>
        <translation>ohne Null</translation>
    </message>
    <message>
        <source>%1 % outliers</source>
        <translation>%1 % Ausreißer</translation>
    </message>
    <message>
        <source>Sweep (2nd level)</source>
        <translation>Durchgang (2. Ebene)</translation>
    </message>
    <message>
        <source>Box descent (1st level)</source>
        <translation>Box-Abstieg (1. Ebene)</translation>
    </message>
    <message>
        <source>Projected Adam (1st level)</source>
        <translation>Proj. Adam (1. Ebene)</translation>
    </message>
    <message>
        <source>Preferably ½ or 1</source>
        <translation>Möglichst ½ oder 1</translation>
    </message>
    <message>
        <source>Inputs</source>
        <translation>Eingaben</translation>
    </message>
    <message>
        <source>Reconstruction</source>
        <translation>Rekonstruktion</translation>
    </message>
    <message>
        <source>log√2</source>
        <translation>log√2</translation>
    </message>
    <message>
        <source>log₂</source>
        <translation>log₂</translation>
    </message>
    <message>
        <source>Uniform</source>
        <translation>Gleichförmig</translation>
    </message>
    <message>
        <source>A state beside them</source>
        <translation>Ein Zustand daneben</translation>
    </message>
    <message>
        <source>The last code</source>
        <translation>Der letzte Code</translation>
    </message>
    <message>
        <source>Min/max</source>
        <translation>Min/Max</translation>
    </message>
    <message>
        <source>Percentiles</source>
        <translation>Perzentile</translation>
    </message>
    <message>
        <source>Least squared error</source>
        <translation>Kleinster quadratischer Fehler</translation>
    </message>
    <message>
        <source>Search over a grid</source>
        <translation>Suche über ein Raster</translation>
    </message>
    <message>
        <source>Round to nearest</source>
        <translation>Runden zum Nächsten</translation>
    </message>
    <message>
        <source>GPTQ</source>
        <translation>GPTQ</translation>
    </message>
    <message>
        <source>decoupleQ</source>
        <translation>decoupleQ</translation>
    </message>
    <message>
        <source>NUPES</source>
        <translation>NUPES</translation>
    </message>
    <message>
        <source>The official procedure says it.</source>
        <translation>Das offizielle Verfahren gibt es vor.</translation>
    </message>
    <message>
        <source>Only with the reconstruction.</source>
        <translation>Nur mit der Rekonstruktion.</translation>
    </message>
    <message>
        <source>Only with powers.</source>
        <translation>Nur mit Potenzen.</translation>
    </message>
    <message>
        <source>The smallest power</source>
        <translation>Die kleinste Potenz</translation>
    </message>
</context>
<context>
    <name>OutlierModel</name>
    <message>
        <source>Value</source>
        <translation>Wert</translation>
    </message>
    <message>
        <source>The weight itself</source>
        <translation>Das Gewicht selbst</translation>
    </message>
    <message>
        <source>σ</source>
        <translation>σ</translation>
    </message>
    <message>
        <source>(w − mean) / standard deviation of the layer's weights</source>
        <translation>(w − Mittelwert) / Standardabweichung der Gewichte der Schicht</translation>
    </message>
    <message>
        <source>Row</source>
        <translation>Zeile</translation>
    </message>
    <message>
        <source>Output channel, from 0</source>
        <translation>Ausgabekanal, ab 0</translation>
    </message>
    <message>
        <source>Column</source>
        <translation>Spalte</translation>
    </message>
    <message>
        <source>Input channel, from 0</source>
        <translation>Eingabekanal, ab 0</translation>
    </message>
</context>
<context>
    <name>ProbabilityPlot</name>
    <message>
        <source>log√2</source>
        <translation>log√2</translation>
    </message>
    <message>
        <source>log2</source>
        <translation>log2</translation>
    </message>
    <message>
        <source>uniform</source>
        <translation>gleichförmig</translation>
    </message>
</context>
<context>
    <name>RunsModel</name>
    <message>
        <source>complete</source>
        <translation>vollständig</translation>
    </message>
    <message>
        <source>%1 of %2 layers</source>
        <translation>%1 von %2 Schichten</translation>
    </message>
    <message>
        <source>1 layer</source>
        <translation>1 Schicht</translation>
    </message>
    <message>
        <source>%1 layers</source>
        <translation>%1 Schichten</translation>
    </message>
    <message>
        <source>A</source>
        <translation>A</translation>
    </message>
    <message>
        <source>The run that the table shows</source>
        <translation>Der Lauf, den die Tabelle zeigt</translation>
    </message>
    <message>
        <source>B</source>
        <translation>B</translation>
    </message>
    <message>
        <source>The run that it is compared with</source>
        <translation>Der Lauf, mit dem verglichen wird</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>Name</translation>
    </message>
    <message>
        <source>Double-click or F2 to rename</source>
        <translation>Zum Umbenennen doppelklicken oder F2 drücken</translation>
    </message>
    <message>
        <source>State</source>
        <translation>Zustand</translation>
    </message>
    <message>
        <source>A cancelled run keeps the layers that had finished</source>
        <translation>Ein abgebrochener Lauf behält die bereits fertigen Schichten</translation>
    </message>
    <message>
        <source>Bits/weight</source>
        <translation>Bit/Gewicht</translation>
    </message>
    <message>
        <source>Stored bits of codes, scales and zeros over the number of quantized weights</source>
        <translation>Gespeicherte Bits von Codes, Skalen und Nullpunkten geteilt durch die Anzahl der quantisierten Gewichte</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>Größe</translation>
    </message>
    <message>
        <source>Stored bytes of the whole model: quantized layers and floats</source>
        <translation>Gespeicherte Bytes des gesamten Modells: quantisierte Schichten und float-Werte</translation>
    </message>
    <message>
        <source>Started</source>
        <translation>Beginn</translation>
    </message>
    <message>
        <source>When the run began</source>
        <translation>Wann der Lauf begonnen hat</translation>
    </message>
    <message>
        <source>Took</source>
        <translation>Dauer</translation>
    </message>
    <message>
        <source>Computing time</source>
        <translation>Rechenzeit</translation>
    </message>
    <message>
        <source>Measured</source>
        <translation>Gemessen</translation>
    </message>
    <message>
        <source>Of language models the perplexity, exp of the mean negative log-likelihood per token; of others top-1 and top-5 accuracy, or how near outputs are to the float model's. ± is one standard error</source>
        <translation>Bei Sprachmodellen die Perplexität, exp der mittleren negativen Log-Likelihood je Token; bei anderen die Top-1- und Top-5-Genauigkeit oder die Nähe der Ausgaben zu denen des Float-Modells. ± ist ein Standardfehler</translation>
    </message>
</context>
<context>
    <name>SampleEvaluation</name>
    <message>
        <source>%1: float %2</source>
        <translation>%1: float %2</translation>
    </message>
    <message>
        <source>%1: float %2 → quantized %3 (%4 points)</source>
        <translation>%1: float %2 → quantisiert %3 (%4 Punkte)</translation>
    </message>
    <message>
        <source>Top-1</source>
        <translation>Top-1</translation>
    </message>
    <message>
        <source>Top-5</source>
        <translation>Top-5</translation>
    </message>
    <message>
        <source>Cosine to float: %1 ± %2, least %3</source>
        <translation>Kosinus zu float: %1 ± %2, kleinster %3</translation>
    </message>
    <message>
        <source>KL to float: %1 ± %2 nats/sample</source>
        <translation>KL zu float: %1 ± %2 Nats/Stichprobe</translation>
    </message>
    <message>
        <source>same top-1: %1 %</source>
        <translation>gleiche Top-1: %1 %</translation>
    </message>
    <message>
        <source>%1, %2 labeled samples, %3 classes</source>
        <translation>%1, %2 Stichproben mit Label, %3 Klassen</translation>
    </message>
    <message>
        <source>%1, %2 labeled samples</source>
        <translation>%1, %2 Stichproben mit Label</translation>
    </message>
    <message>
        <source>%1, %2 samples</source>
        <translation>%1, %2 Stichproben</translation>
    </message>
</context>
<context>
    <name>TraceModel</name>
    <message>
        <source>Step</source>
        <translation>Schritt</translation>
    </message>
    <message>
        <source>Steps in the order they were taken; 0 is the start</source>
        <translation>Schritte in ihrer Reihenfolge; 0 ist der Anfang</translation>
    </message>
    <message>
        <source>Stage</source>
        <translation>Stufe</translation>
    </message>
    <message>
        <source>What was optimized, and the round of the alternation</source>
        <translation>Was optimiert wurde, und die Runde des Wechsels</translation>
    </message>
    <message>
        <source>Error</source>
        <translation>Fehler</translation>
    </message>
    <message>
        <source>Relative output error on the calibration inputs after the step: ‖X(W − Ŵ)ᵀ‖² over ‖XWᵀ‖²</source>
        <translation>Relativer Ausgabefehler auf den Kalibriereingaben nach dem Schritt: ‖X(W − Ŵ)ᵀ‖² durch ‖XWᵀ‖²</translation>
    </message>
    <message>
        <source>SQNR</source>
        <translation>SQNR</translation>
    </message>
    <message>
        <source>The same as −10·log10 of the error; more is better</source>
        <translation>Dasselbe als −10·log10 des Fehlers; mehr ist besser</translation>
    </message>
    <message>
        <source>Gain</source>
        <translation>Gewinn</translation>
    </message>
    <message>
        <source>Against the step before: 10·log10 of the errors' ratio</source>
        <translation>Gegen den Schritt davor: 10·log10 des Verhältnisses der Fehler</translation>
    </message>
    <message>
        <source>Rows</source>
        <translation>Zeilen</translation>
    </message>
    <message>
        <source>Share of the rows that took the step, as it lowered their error</source>
        <translation>Anteil der Zeilen, die den Schritt übernahmen, weil er ihren Fehler senkte</translation>
    </message>
    <message>
        <source>Scales</source>
        <translation>Skalen</translation>
    </message>
    <message>
        <source>How far the scales moved: ‖s − s'‖ over ‖s'‖</source>
        <translation>Wie weit sich die Skalen bewegten: ‖s − s'‖ durch ‖s'‖</translation>
    </message>
    <message>
        <source>Zeros</source>
        <translation>Nullpunkte</translation>
    </message>
    <message>
        <source>How far the zeros moved: root mean square of z − z', in steps of the grid</source>
        <translation>Wie weit sich die Nullpunkte bewegten: quadratisches Mittel von z − z', in Schritten des Gitters</translation>
    </message>
    <message>
        <source>RTN</source>
        <translation>RTN</translation>
    </message>
    <message>
        <source>Round to nearest</source>
        <translation>Runden zum Nächsten</translation>
    </message>
    <message>
        <source>Sweep</source>
        <translation>Durchgang</translation>
    </message>
    <message>
        <source>GPTQ sweep</source>
        <translation>GPTQ-Durchgang</translation>
    </message>
    <message>
        <source>Grid</source>
        <translation>Gitter</translation>
    </message>
    <message>
        <source>Grid search</source>
        <translation>Gittersuche</translation>
    </message>
    <message>
        <source>Int</source>
        <translation>Ganz</translation>
    </message>
    <message>
        <source>Integers</source>
        <translation>Ganze Zahlen</translation>
    </message>
    <message>
        <source>Scales and zeros</source>
        <translation>Skalen und Nullpunkte</translation>
    </message>
    <message>
        <source>Polish</source>
        <translation>Feinschliff</translation>
    </message>
    <message>
        <source>Block</source>
        <translation>Block</translation>
    </message>
    <message>
        <source>Block stage</source>
        <translation>Blockphase</translation>
    </message>
    <message>
        <source>Tuning</source>
        <translation>Feinabst.</translation>
    </message>
    <message>
        <source>Fine-tuning</source>
        <translation>Feinabstimmung</translation>
    </message>
    <message>
        <source>The start: every weight at the nearest level of the min/max grid.</source>
        <translation>Der Anfang: jedes Gewicht auf der nächsten Stufe des Min/Max-Gitters.</translation>
    </message>
    <message>
        <source>GPTQ's sweep on the grid of the start.</source>
        <translation>GPTQs Durchgang auf dem Gitter des Anfangs.</translation>
    </message>
    <message>
        <source>Another start: the best common shrinking of each row's ranges, then new scales and zeros.</source>
        <translation>Ein anderer Anfang: die beste gemeinsame Verengung der Bereiche jeder Zeile, dann neue Skalen und Nullpunkte.</translation>
    </message>
    <message>
        <source>Integer coordinate descent, then new scales and zeros.</source>
        <translation>Ganzzahliger Koordinatenabstieg, dann neue Skalen und Nullpunkte.</translation>
    </message>
    <message>
        <source>After the training of the block. It serves the block's output: the layer's own error may rise.</source>
        <translation>Nach dem Training des Blocks. Es dient der Ausgabe des Blocks: Der eigene Fehler der Schicht kann steigen.</translation>
    </message>
    <message>
        <source>After the fine-tuning of all blocks. It serves the model's predictions: the layer's own error may rise.</source>
        <translation>Nach der Feinabstimmung aller Blöcke. Sie dient den Vorhersagen des Modells: Der eigene Fehler der Schicht kann steigen.</translation>
    </message>
    <message>
        <source>%1, round %2</source>
        <translation>%1, Runde %2</translation>
    </message>
    <message>
        <source>Outliers</source>
        <translation>Ausreißer</translation>
    </message>
    <message>
        <source>Clip</source>
        <translation>Clip</translation>
    </message>
    <message>
        <source>Exponent</source>
        <translation>Exponent</translation>
    </message>
    <message>
        <source>Nearest</source>
        <translation>Nächste</translation>
    </message>
    <message>
        <source>Nearest levels</source>
        <translation>Nächste Stufen</translation>
    </message>
    <message>
        <source>Gradient</source>
        <translation>Gradient</translation>
    </message>
    <message>
        <source>Gradient steps</source>
        <translation>Gradientenschritte</translation>
    </message>
    <message>
        <source>The weights that cost most are kept as floats.</source>
        <translation>Die Gewichte, die am meisten kosten, bleiben Gleitkommazahlen.</translation>
    </message>
    <message>
        <source>Scales below the largest magnitudes.</source>
        <translation>Skalen unter den größten Beträgen.</translation>
    </message>
    <message>
        <source>A power grid instead of the uniform one, or another exponent.</source>
        <translation>Ein Potenzgitter anstelle des gleichförmigen oder ein anderer Exponent.</translation>
    </message>
    <message>
        <source>Nearest levels instead of rounding in the power domain.</source>
        <translation>Nächste Stufen anstelle des Rundens im Potenzbereich.</translation>
    </message>
    <message>
        <source>Gradient steps on latent codes; the best codes of each row are kept.</source>
        <translation>Gradientenschritte auf latenten Codes; die besten Codes jeder Zeile bleiben.</translation>
    </message>
    <message>
        <source>New integers for the grid as it is.</source>
        <translation>Neue ganze Zahlen für das Gitter, wie es ist.</translation>
    </message>
    <message>
        <source>New scales, and zeros where there are any, for the integers.</source>
        <translation>Neue Skalen, und Nullpunkte, wo es sie gibt, für die ganzen Zahlen.</translation>
    </message>
</context>
<context>
    <name>Training</name>
    <message>
        <source>%1 nats</source>
        <translation>%1 nat</translation>
    </message>
    <message>
        <source>Fine-tuning</source>
        <translation>Feinabstimmung</translation>
    </message>
    <message>
        <source>Block %1</source>
        <translation>Block %1</translation>
    </message>
    <message>
        <source>step %1 of %2</source>
        <translation>Schritt %1 von %2</translation>
    </message>
    <message>
        <source>running</source>
        <translation>läuft</translation>
    </message>
    <message>
        <source>cancelled</source>
        <translation>abgebrochen</translation>
    </message>
    <message>
        <source>ended</source>
        <translation>beendet</translation>
    </message>
    <message>
        <source>stopped early; start kept</source>
        <translation>vorzeitig beendet; Anfang behalten</translation>
    </message>
    <message>
        <source>start kept</source>
        <translation>Anfang behalten</translation>
    </message>
    <message>
        <source>stopped early; epoch %1 kept</source>
        <translation>vorzeitig beendet; Epoche %1 behalten</translation>
    </message>
    <message>
        <source>epoch %1 kept</source>
        <translation>Epoche %1 behalten</translation>
    </message>
    <message>
        <source>1 block trained: %1</source>
        <translation>1 Block trainiert: %1</translation>
    </message>
    <message>
        <source>%1 blocks trained: %2 on average</source>
        <translation>%1 Blöcke trainiert: %2 im Mittel</translation>
    </message>
    <message>
        <source>fine-tuning: %1 → %2 per token</source>
        <translation>Feinabstimmung: %1 → %2 je Token</translation>
    </message>
</context>
<context>
    <name>TrainingModel</name>
    <message>
        <source>Training</source>
        <translation>Training</translation>
    </message>
    <message>
        <source>Of one block, or of all blocks together</source>
        <translation>Eines Blocks oder aller Blöcke zusammen</translation>
    </message>
    <message>
        <source>Before</source>
        <translation>Vorher</translation>
    </message>
    <message>
        <source>Loss over all windows before the first step. Blocks: ‖y − ŷ‖² over ‖y‖² of the block's output. Fine-tuning: mean negative log-likelihood per token</source>
        <translation>Verlust über alle Fenster vor dem ersten Schritt. Blöcke: ‖y − ŷ‖² durch ‖y‖² der Ausgabe des Blocks. Feinabstimmung: mittlere negative Log-Likelihood je Token</translation>
    </message>
    <message>
        <source>After</source>
        <translation>Nachher</translation>
    </message>
    <message>
        <source>The same of the state that was kept</source>
        <translation>Dasselbe vom behaltenen Zustand</translation>
    </message>
    <message>
        <source>Gain</source>
        <translation>Gewinn</translation>
    </message>
    <message>
        <source>10·log10 of the losses' ratio; more is better</source>
        <translation>10·log10 des Verhältnisses der Verluste; mehr ist besser</translation>
    </message>
    <message>
        <source>State</source>
        <translation>Zustand</translation>
    </message>
    <message>
        <source>The epoch whose state was kept, or how far it is</source>
        <translation>Die Epoche, deren Zustand behalten wurde, oder wie weit es ist</translation>
    </message>
    <message>
        <source>Steps</source>
        <translation>Schritte</translation>
    </message>
    <message>
        <source>Steps taken</source>
        <translation>Ausgeführte Schritte</translation>
    </message>
    <message>
        <source>Scales</source>
        <translation>Skalen</translation>
    </message>
    <message>
        <source>How far the scales moved: ‖s − s'‖ over ‖s'‖</source>
        <translation>Wie weit sich die Skalen bewegten: ‖s − s'‖ durch ‖s'‖</translation>
    </message>
    <message>
        <source>Zeros</source>
        <translation>Nullpunkte</translation>
    </message>
    <message>
        <source>How far the zeros moved: root mean square of z − z', in steps of the grid</source>
        <translation>Wie weit sich die Nullpunkte bewegten: quadratisches Mittel von z − z', in Schritten des Gitters</translation>
    </message>
    <message>
        <source>Layers</source>
        <translation>Schichten</translation>
    </message>
    <message>
        <source>Quantized layers that it trained</source>
        <translation>Quantisierte Schichten, die es trainierte</translation>
    </message>
</context>
<context>
    <name>gradus::ActivationPanel</name>
    <message>
        <source>Views of quantized inputs</source>
        <translation>Ansichten quantisierter Eingaben</translation>
    </message>
    <message>
        <source>Norm</source>
        <translation>Norm</translation>
    </message>
    <message>
        <source>Softmax</source>
        <translation>Softmax</translation>
    </message>
    <message>
        <source>Errors</source>
        <translation>Fehler</translation>
    </message>
    <message>
        <source>Channels of the norm that the layer reads</source>
        <translation>Kanäle der Norm, die die Schicht liest</translation>
    </message>
    <message>
        <source>Softmax of the attention that the layer reads</source>
        <translation>Softmax der Attention, die die Schicht liest</translation>
    </message>
    <message>
        <source>What weights and inputs cost, of the layer and of all</source>
        <translation>Was Gewichte und Eingaben kosten, in der Schicht und in allen</translation>
    </message>
    <message>
        <source>Ranges of the channels before the norm was divided</source>
        <translation>Bereiche der Kanäle, bevor die Norm geteilt wurde</translation>
    </message>
    <message>
        <source>Ranges of the channels after the norm was divided</source>
        <translation>Bereiche der Kanäle, nachdem die Norm geteilt wurde</translation>
    </message>
    <message>
        <source>In order</source>
        <translation>Der Reihe nach</translation>
    </message>
    <message>
        <source>Order of the channels: as they are numbered, or the widest first</source>
        <translation>Reihenfolge der Kanäle: wie nummeriert oder die breitesten zuerst</translation>
    </message>
    <message>
        <source>Channels</source>
        <translation>Kanäle</translation>
    </message>
    <message>
        <source>&lt;p&gt;A grid for each channel with scale s and zero z becomes one grid s̃, z̃ for all: x̃ = x / r1 + s̃·r2 with r1 = s / s̃ and r2 = z − z̃. The norm takes the division and the shift, the layers that read it the rest, so that the float network computes the same.&lt;/p&gt;&lt;p&gt;Every value keeps its code: clamp(round(x̃ / s̃) + z̃) = clamp(round(x / s) + z), except for ties that rounding of floats may turn.&lt;/p&gt;</source>
        <translation>&lt;p&gt;Aus einem Gitter je Kanal mit Skala s und Nullpunkt z wird ein Gitter s̃, z̃ für alle: x̃ = x / r1 + s̃·r2 mit r1 = s / s̃ und r2 = z − z̃. Die Norm übernimmt Teilung und Verschiebung, die Schichten, die sie lesen, den Rest, sodass das float-Netz dasselbe berechnet.&lt;/p&gt;&lt;p&gt;Jeder Wert behält seinen Code: clamp(round(x̃ / s̃) + z̃) = clamp(round(x / s) + z), außer bei Gleichständen, die das Runden von Gleitkommazahlen kippen kann.&lt;/p&gt;</translation>
    </message>
    <message>
        <source>Logarithmic counts</source>
        <translation>Logarithmische Anzahlen</translation>
    </message>
    <message>
        <source>&lt;p&gt;log2 has the levels s·2&lt;sup&gt;−c&lt;/sup&gt;, log√2 the levels s·2&lt;sup&gt;−c/2&lt;/sup&gt;, uniform the levels s·c. Lanes for comparison have as many bits and the same largest level.&lt;/p&gt;&lt;p&gt;q, k and v have one scale each for all heads.&lt;/p&gt;</source>
        <translation>&lt;p&gt;log2 hat die Stufen s·2&lt;sup&gt;−c&lt;/sup&gt;, log√2 die Stufen s·2&lt;sup&gt;−c/2&lt;/sup&gt;, gleichförmig die Stufen s·c. Die Spuren zum Vergleich haben ebenso viele Bits und dieselbe größte Stufe.&lt;/p&gt;&lt;p&gt;q, k und v haben je eine Skala für alle Köpfe.&lt;/p&gt;</translation>
    </message>
    <message>
        <source>Relative output error on calibration rows, ‖Y − Ŷ‖² over ‖Y‖²: with the weights quantized and float inputs, the other way round, and with both. −10·log₁₀ of it in dB.</source>
        <translation>Relativer Ausgabefehler auf Kalibrierzeilen, ‖Y − Ŷ‖² durch ‖Y‖²: mit quantisierten Gewichten und float-Eingaben, umgekehrt und mit beiden. In dB −10·log₁₀ davon.</translation>
    </message>
    <message>
        <source>No layer that reads the norm has a grid in the run.</source>
        <translation>Keine Schicht, die die Norm liest, hat im Lauf ein Gitter.</translation>
    </message>
    <message>
        <source>Widest first</source>
        <translation>Breiteste zuerst</translation>
    </message>
</context>
<context>
    <name>gradus::AllocationForm</name>
    <message>
        <source>As the recipe</source>
        <translation>Wie das Rezept</translation>
    </message>
    <message>
        <source>The method that all candidates have</source>
        <translation>Die Methode, die alle Kandidaten haben</translation>
    </message>
    <message>
        <source>Me&amp;thod</source>
        <translation>Me&amp;thode</translation>
    </message>
    <message>
        <source>E&amp;rror</source>
        <translation>&amp;Fehler</translation>
    </message>
    <message>
        <source>Sol&amp;ver</source>
        <translation>&amp;Löser</translation>
    </message>
    <message>
        <source>What the budget is of</source>
        <translation>Wovon das Budget ist</translation>
    </message>
    <message>
        <source>bits/weight</source>
        <translation>Bit/Gewicht</translation>
    </message>
    <message>
        <source>Stored bits of codes, scales and zeros over the number of quantized weights</source>
        <translation>Gespeicherte Bits von Codes, Skalen und Nullpunkten geteilt durch die Anzahl der quantisierten Gewichte</translation>
    </message>
    <message>
        <source>MiB stored</source>
        <translation>MiB gespeichert</translation>
    </message>
    <message>
        <source>Stored bytes of the quantized layers</source>
        <translation>Gespeicherte Bytes der quantisierten Schichten</translation>
    </message>
    <message>
        <source>MiB GPTQ file</source>
        <translation>MiB GPTQ-Datei</translation>
    </message>
    <message>
        <source>Bytes of the whole checkpoint in GPTQ's format, exactly</source>
        <translation>Bytes des ganzen Checkpoints im Format von GPTQ, genau</translation>
    </message>
    <message>
        <source>error at most</source>
        <translation>Fehler höchstens</translation>
    </message>
    <message>
        <source>A bound on the predicted error: the smallest allocation within it</source>
        <translation>Eine Schranke für den vorhergesagten Fehler: die kleinste Zuteilung, die sie einhält</translation>
    </message>
    <message>
        <source>Bu&amp;dget</source>
        <translation>Bu&amp;dget</translation>
    </message>
    <message>
        <source>&amp;Evaluate</source>
        <translation>&amp;Auswerten</translation>
    </message>
    <message>
        <source>Evaluate on other data…</source>
        <translation>Auf anderen Daten auswerten…</translation>
    </message>
    <message>
        <source>More</source>
        <translation>Mehr</translation>
    </message>
    <message>
        <source>Copy as command</source>
        <translation>Als Befehl kopieren</translation>
    </message>
    <message>
        <source>Export the table as CSV…</source>
        <translation>Tabelle als CSV exportieren…</translation>
    </message>
    <message>
        <source>&amp;Candidates</source>
        <translation>&amp;Kandidaten</translation>
    </message>
    <message>
        <source>Show the method, bits and groups to choose among, the error, and the solver</source>
        <translation>Methode, Bits und Gruppen zur Auswahl, den Fehler und den Löser zeigen</translation>
    </message>
    <message>
        <source>%1 bits</source>
        <translation>%1 Bit</translation>
    </message>
    <message>
        <source>%1 bits are one of the candidates</source>
        <translation>%1 Bit gehören zu den Kandidaten</translation>
    </message>
    <message>
        <source>&amp;Bits</source>
        <translation>&amp;Bits</translation>
    </message>
    <message>
        <source>Inputs that share a scale; several are candidates beside each other</source>
        <translation>Eingaben, die sich eine Skala teilen; mehrere sind Kandidaten nebeneinander</translation>
    </message>
    <message>
        <source>&amp;Group</source>
        <translation>&amp;Gruppe</translation>
    </message>
    <message>
        <source>As the recipe: %1</source>
        <translation>Wie das Rezept: %1</translation>
    </message>
    <message>
        <source>Groups: %1</source>
        <translation>Gruppen: %1</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>&amp;Measure</source>
        <translation>&amp;Messen</translation>
    </message>
    <message>
        <source>Stop; what was measured stays</source>
        <translation>Anhalten; was gemessen wurde, bleibt</translation>
    </message>
    <message>
        <source>Measure what each layer loses under each candidate; what is known from before comes at once</source>
        <translation>Messen, was jede Schicht unter jedem Kandidaten verliert; was von früher bekannt ist, kommt sofort</translation>
    </message>
    <message>
        <source>Quantize as the recipe says now, measure the result, and set it beside what was predicted</source>
        <translation>Quantisieren, wie das Rezept es jetzt sagt, das Ergebnis messen und neben die Vorhersage stellen</translation>
    </message>
</context>
<context>
    <name>gradus::AllocationPanel</name>
    <message>
        <source>State of the allocation</source>
        <translation>Stand der Zuteilung</translation>
    </message>
    <message>
        <source>Views of the allocation</source>
        <translation>Ansichten der Zuteilung</translation>
    </message>
    <message>
        <source>Front</source>
        <translation>Front</translation>
    </message>
    <message>
        <source>Selected layer</source>
        <translation>Ausgewählte Schicht</translation>
    </message>
    <message>
        <source>Rules</source>
        <translation>Regeln</translation>
    </message>
    <message>
        <source>Select a layer to see what it could have.</source>
        <translation>Eine Schicht auswählen, um zu sehen, was sie haben könnte.</translation>
    </message>
    <message>
        <source>Why this layer has its bits</source>
        <translation>Warum diese Schicht ihre Bits hat</translation>
    </message>
</context>
<context>
    <name>gradus::AllocationPlot</name>
    <message>
        <source>Predicted error against size</source>
        <translation>Vorhergesagter Fehler gegen Größe</translation>
    </message>
    <message>
        <source>Drag the line to choose a budget: its solution becomes the recipe. Click any point to take its bits.</source>
        <translation>Die Linie ziehen, um ein Budget zu wählen: seine Lösung wird zum Rezept. Ein Klick auf einen Punkt übernimmt dessen Bits.</translation>
    </message>
    <message>
        <source>Front</source>
        <translation>Front</translation>
    </message>
    <message>
        <source>Uniform</source>
        <translation>Gleichförmig</translation>
    </message>
    <message>
        <source>First/last</source>
        <translation>Erster/letzter</translation>
    </message>
    <message>
        <source>Measured</source>
        <translation>Gemessen</translation>
    </message>
    <message>
        <source>Recipe</source>
        <translation>Rezept</translation>
    </message>
    <message>
        <source>Budget</source>
        <translation>Budget</translation>
    </message>
    <message>
        <source>bits per weight</source>
        <translation>Bit/Gewicht</translation>
    </message>
    <message>
        <source>%1 bits per weight · %2 · predicted %3 %4</source>
        <translation>%1 Bit/Gewicht · %2 · vorhergesagt %3 %4</translation>
    </message>
    <message>
        <source>%1: no allocation within the budget has a smaller error</source>
        <translation>%1: keine Zuteilung im Budget hat einen kleineren Fehler</translation>
    </message>
    <message>
        <source>the budget of %1 allows %2 (%3)</source>
        <translation>das Budget von %1 erlaubt %2 (%3)</translation>
    </message>
    <message>
        <source>rank correlation of predicted and measured %1 (%2 runs)</source>
        <translation>Rangkorrelation von vorhergesagt und gemessen %1 (%2 Läufe)</translation>
    </message>
    <message>
        <source>Logarithmic error</source>
        <translation>Logarithmischer Fehler</translation>
    </message>
    <message>
        <source>%1 allocation</source>
        <translation>%1 Zuteilung</translation>
    </message>
    <message>
        <source>%1 bits per weight · %2 %3</source>
        <translation>%1 Bit/Gewicht · %2 %3</translation>
    </message>
    <message>
        <source>point %1 of %2 of the front</source>
        <translation>Punkt %1 von %2 der Front</translation>
    </message>
    <message>
        <source>at the budget: %1</source>
        <translation>beim Budget: %1</translation>
    </message>
    <message>
        <source>the recipe at present</source>
        <translation>das Rezept zurzeit</translation>
    </message>
    <message>
        <source>uniform, %1</source>
        <translation>gleichförmig, %1</translation>
    </message>
    <message>
        <source>predicted %1 %2</source>
        <translation>vorhergesagt %1 %2</translation>
    </message>
    <message>
        <source>measured %1 ± %2</source>
        <translation>gemessen %1 ± %2</translation>
    </message>
    <message>
        <source>click to take its bits</source>
        <translation>klicken, um seine Bits zu übernehmen</translation>
    </message>
</context>
<context>
    <name>gradus::Allocator</name>
    <message>
        <source>Allocate %1 bits per weight</source>
        <translation>Zuteilung von %1 Bit/Gewicht</translation>
    </message>
    <message>
        <source>The bits of this run are not among the candidates</source>
        <translation>Die Bits dieses Laufs sind nicht unter den Kandidaten</translation>
    </message>
    <message>
        <source>Open a model first</source>
        <translation>Zuerst ein Modell öffnen</translation>
    </message>
    <message>
        <source>%1 is still running: cancel it first</source>
        <translation>%1 läuft noch: zuerst abbrechen</translation>
    </message>
    <message>
        <source>The model cannot be run: %1</source>
        <translation>Das Modell kann nicht ausgeführt werden: %1</translation>
    </message>
    <message>
        <source>Open a model to choose its bits under a budget.</source>
        <translation>Ein Modell öffnen, um seine Bits unter einem Budget zu wählen.</translation>
    </message>
    <message>
        <source>How many bits does each layer deserve?</source>
        <translation>Wie viele Bits verdient jede Schicht?</translation>
    </message>
    <message>
        <source>Measure finds what each of %1 layers loses under each of %2 candidates.</source>
        <translation>„Messen“ findet heraus, was jede von %1 Schichten unter jedem von %2 Kandidaten verliert.</translation>
    </message>
    <message>
        <source>That is no more work than %1 runs of the recipe: %2.</source>
        <translation>Das ist nicht mehr Arbeit als %1 Läufe des Rezepts: %2.</translation>
    </message>
    <message>
        <source>The model cannot be run (%1): only the weights' own error can be measured.</source>
        <translation>Das Modell kann nicht ausgeführt werden (%1): nur der Fehler der Gewichte selbst kann gemessen werden.</translation>
    </message>
    <message>
        <source>Without calibration data only the weights' own error can be measured: choose some in the panel Run.</source>
        <translation>Ohne Kalibrierdaten kann nur der Fehler der Gewichte selbst gemessen werden: im Bereich Lauf welche wählen.</translation>
    </message>
    <message>
        <source>The layers appear as they are known, what was measured before at once; then a budget can be dragged.</source>
        <translation>Die Schichten erscheinen, sobald sie bekannt sind, früher Gemessenes sofort; dann lässt sich ein Budget ziehen.</translation>
    </message>
    <message>
        <source>Measuring: %1 of %2 known</source>
        <translation>Messung: %1 von %2 bekannt</translation>
    </message>
    <message>
        <source>the model cannot be run</source>
        <translation>das Modell nicht ausgeführt werden kann</translation>
    </message>
    <message>
        <source>there is no calibration data</source>
        <translation>es keine Kalibrierdaten gibt</translation>
    </message>
    <message>
        <source>%1 is not measured</source>
        <translation>%1 nicht gemessen ist</translation>
    </message>
    <message>
        <source>so far by: %1</source>
        <translation>bisher nach: %1</translation>
    </message>
    <message>
        <source>By: %1, as %2</source>
        <translation>Nach: %1, da %2</translation>
    </message>
    <message>
        <source>size of the GPTQ file</source>
        <translation>Größe der GPTQ-Datei</translation>
    </message>
    <message>
        <source>stored size</source>
        <translation>gespeicherte Größe</translation>
    </message>
    <message>
        <source>Select a layer to see what it could have.</source>
        <translation>Eine Schicht auswählen, um zu sehen, was sie haben könnte.</translation>
    </message>
    <message>
        <source>Measure first to see what %1 could have.</source>
        <translation>Zuerst messen, um zu sehen, was %1 haben könnte.</translation>
    </message>
    <message>
        <source>%1 is locked: it keeps what the recipe says.</source>
        <translation>%1 ist gesperrt: sie behält, was das Rezept sagt.</translation>
    </message>
    <message>
        <source>%1 is kept float.</source>
        <translation>%1 bleibt float.</translation>
    </message>
</context>
<context>
    <name>gradus::BitsMap</name>
    <message>
        <source>float</source>
        <translation>float</translation>
    </message>
    <message>
        <source>block</source>
        <translation>Block</translation>
    </message>
    <message>
        <source>%1 bits/weight, %2</source>
        <translation>%1 Bit/Gewicht, %2</translation>
    </message>
    <message>
        <source>output error %1, weight SQNR %2</source>
        <translation>Ausgabefehler %1, Gewichts-SQNR %2</translation>
    </message>
    <message>
        <source>Not computed yet: run the recipe</source>
        <translation>Noch nicht berechnet: Rezept ausführen</translation>
    </message>
    <message>
        <source>Locked: edits of several layers leave it alone</source>
        <translation>Gesperrt: Änderungen an mehreren Schichten lassen sie unberührt</translation>
    </message>
    <message>
        <source>Open a model to see its layers as a map.</source>
        <translation>Ein Modell öffnen, um seine Schichten als Karte zu sehen.</translation>
    </message>
    <message>
        <source>f</source>
        <comment>short for float</comment>
        <translation>f</translation>
    </message>
    <message>
        <source>Outside of blocks</source>
        <translation>Außerhalb der Blöcke</translation>
    </message>
    <message>
        <source>bits</source>
        <translation>Bits</translation>
    </message>
    <message>
        <source>method</source>
        <translation>Methode</translation>
    </message>
    <message>
        <source>output error, %</source>
        <translation>Ausgabefehler, %</translation>
    </message>
    <message>
        <source>weight SQNR, dB</source>
        <translation>Gewichts-SQNR, dB</translation>
    </message>
    <message>
        <source>not computed yet: run the recipe</source>
        <translation>noch nicht berechnet: Rezept ausführen</translation>
    </message>
    <message>
        <source>kept float</source>
        <translation>bleibt float</translation>
    </message>
    <message>
        <source>locked</source>
        <translation>gesperrt</translation>
    </message>
    <message>
        <source>– not computed</source>
        <translation>– nicht berechnet</translation>
    </message>
    <message>
        <source>italic: out of date</source>
        <translation>kursiv: veraltet</translation>
    </message>
    <message>
        <source>Gradus: map of the model</source>
        <translation>Gradus: Karte des Modells</translation>
    </message>
    <message>
        <source>%1: the extension is "%2", expected png, svg, pdf or csv</source>
        <translation>%1: Die Endung ist „%2“, erwartet wird png, svg, pdf oder csv</translation>
    </message>
    <message>
        <source>%1 cannot be written</source>
        <translation>%1 kann nicht geschrieben werden</translation>
    </message>
    <message>
        <source>Save the map</source>
        <translation>Karte speichern</translation>
    </message>
    <message>
        <source>Image (*.png)</source>
        <translation>Bild (*.png)</translation>
    </message>
    <message>
        <source>Drawing (*.svg)</source>
        <translation>Zeichnung (*.svg)</translation>
    </message>
    <message>
        <source>Document (*.pdf)</source>
        <translation>Dokument (*.pdf)</translation>
    </message>
    <message>
        <source>Table (*.csv)</source>
        <translation>Tabelle (*.csv)</translation>
    </message>
    <message>
        <source>Bits</source>
        <translation>Bits</translation>
    </message>
    <message>
        <source>Method</source>
        <translation>Methode</translation>
    </message>
    <message>
        <source>Unlock</source>
        <translation>Entsperren</translation>
    </message>
    <message>
        <source>Lock</source>
        <translation>Sperren</translation>
    </message>
    <message>
        <source>Color by</source>
        <translation>Einfärben nach</translation>
    </message>
    <message>
        <source>Output error</source>
        <translation>Ausgabefehler</translation>
    </message>
    <message>
        <source>Weight SQNR</source>
        <translation>Gewichts-SQNR</translation>
    </message>
    <message>
        <source>Show whole model</source>
        <translation>Gesamtes Modell zeigen</translation>
    </message>
    <message>
        <source>Usual size</source>
        <translation>Normale Größe</translation>
    </message>
    <message>
        <source>Copy image</source>
        <translation>Bild kopieren</translation>
    </message>
    <message>
        <source>Copy data as CSV</source>
        <translation>Daten als CSV kopieren</translation>
    </message>
    <message>
        <source>Save as PNG, SVG, PDF or CSV…</source>
        <translation>Als PNG, SVG, PDF oder CSV speichern…</translation>
    </message>
    <message>
        <source>Map of the model</source>
        <translation>Karte des Modells</translation>
    </message>
    <message>
        <source>Blocks by kinds of layers. Arrow keys move, Shift extends, 2 to 8 set bits, F keeps float, Space locks.</source>
        <translation>Blöcke nach Schichtarten. Pfeiltasten bewegen, Umschalt erweitert, 2 bis 8 setzen die Bits, F belässt float, Leertaste sperrt.</translation>
    </message>
</context>
<context>
    <name>gradus::BitsMapPanel</name>
    <message>
        <source>Bits</source>
        <translation>Bits</translation>
    </message>
    <message>
        <source>Output error</source>
        <translation>Ausgabefehler</translation>
    </message>
    <message>
        <source>Weight SQNR</source>
        <translation>Gewichts-SQNR</translation>
    </message>
    <message>
        <source>Method</source>
        <translation>Methode</translation>
    </message>
    <message>
        <source>&amp;Color by</source>
        <translation>&amp;Einfärben nach</translation>
    </message>
    <message>
        <source>Smaller cells</source>
        <translation>Kleinere Zellen</translation>
    </message>
    <message>
        <source>Larger cells</source>
        <translation>Größere Zellen</translation>
    </message>
    <message>
        <source>Fit</source>
        <translation>Einpassen</translation>
    </message>
    <message>
        <source>Show the whole model</source>
        <translation>Das gesamte Modell zeigen</translation>
    </message>
    <message>
        <source>Click or sweep to select</source>
        <translation>Klicken oder ziehen, um auszuwählen</translation>
    </message>
    <message>
        <source>1 layer selected</source>
        <translation>1 Schicht ausgewählt</translation>
    </message>
    <message>
        <source>%1 layers selected</source>
        <translation>%1 Schichten ausgewählt</translation>
    </message>
</context>
<context>
    <name>gradus::BitsRulesForm</name>
    <message>
        <source>Layers that runtimes &amp;fuse get the same bits</source>
        <translation>Schichten, die Laufzeiten &amp;verschmelzen, bekommen dieselben Bits</translation>
    </message>
    <message>
        <source>Query, key and value; gate and up: one matrix in most runtimes</source>
        <translation>Query, Key und Value; Gate und Up: in den meisten Laufzeiten eine Matrix</translation>
    </message>
    <message>
        <source>&amp;Add a rule</source>
        <translation>Regel &amp;hinzufügen</translation>
    </message>
    <message>
        <source>Limit the bits of layers whose names match a pattern</source>
        <translation>Die Bits von Schichten begrenzen, deren Namen zu einem Muster passen</translation>
    </message>
    <message>
        <source>Pattern</source>
        <translation>Muster</translation>
    </message>
    <message>
        <source>all layers</source>
        <translation>alle Schichten</translation>
    </message>
    <message>
        <source>A regular expression that is looked for in the layer's name; of several rules that match, the last holds</source>
        <translation>Ein regulärer Ausdruck, der im Namen der Schicht gesucht wird; von mehreren passenden Regeln gilt die letzte</translation>
    </message>
    <message>
        <source> bits</source>
        <translation> Bit</translation>
    </message>
    <message>
        <source>Least bits</source>
        <translation>Wenigste Bits</translation>
    </message>
    <message>
        <source>from </source>
        <translation>von </translation>
    </message>
    <message>
        <source>Most bits</source>
        <translation>Meiste Bits</translation>
    </message>
    <message>
        <source>to </source>
        <translation>bis </translation>
    </message>
    <message>
        <source>Remove the rule</source>
        <translation>Regel entfernen</translation>
    </message>
</context>
<context>
    <name>gradus::ChannelPanel</name>
    <message>
        <source>Channels shown</source>
        <translation>Angezeigte Kanäle</translation>
    </message>
    <message>
        <source>Output channels</source>
        <translation>Ausgabekanäle</translation>
    </message>
    <message>
        <source>Input channels</source>
        <translation>Eingabekanäle</translation>
    </message>
    <message>
        <source>Order of the channels</source>
        <translation>Reihenfolge der Kanäle</translation>
    </message>
    <message>
        <source>In order</source>
        <translation>Der Reihe nach</translation>
    </message>
    <message>
        <source>Widest first</source>
        <translation>Breiteste zuerst</translation>
    </message>
    <message>
        <source>By place in the weight, or by range: largest − smallest weight</source>
        <translation>Nach der Lage in der Gewichtsmatrix oder nach dem Bereich: größtes − kleinstes Gewicht</translation>
    </message>
    <message>
        <source>Jump to a channel; channels count from 0. A click into the plot chooses one too.</source>
        <translation>Zu einem Kanal springen; Kanäle werden ab 0 gezählt. Auch ein Klick in das Diagramm wählt einen aus.</translation>
    </message>
    <message>
        <source>Channel</source>
        <translation>Kanal</translation>
    </message>
    <message>
        <source>Ranges of the layer's inputs</source>
        <translation>Bereiche der Eingaben der Schicht</translation>
    </message>
    <message>
        <source>Capture inputs</source>
        <translation>Eingaben erfassen</translation>
    </message>
    <message>
        <source>Values of the chosen channel</source>
        <translation>Werte des gewählten Kanals</translation>
    </message>
    <message>
        <source>Select a layer to see the ranges of its channels.</source>
        <translation>Eine Schicht auswählen, um die Bereiche ihrer Kanäle zu sehen.</translation>
    </message>
    <message>
        <source>The ranges of the channels are being computed…</source>
        <translation>Die Bereiche der Kanäle werden berechnet…</translation>
    </message>
    <message>
        <source>output channel</source>
        <translation>Ausgabekanal</translation>
    </message>
    <message>
        <source>input channel</source>
        <translation>Eingabekanal</translation>
    </message>
    <message>
        <source>weight</source>
        <translation>Gewicht</translation>
    </message>
    <message>
        <source>%1 output channels · limits: %2</source>
        <translation>%1 Ausgabekanäle · Grenzen: %2</translation>
    </message>
    <message>
        <source>%1 input channels · limits: %2</source>
        <translation>%1 Eingabekanäle · Grenzen: %2</translation>
    </message>
    <message>
        <source>none yet</source>
        <translation>noch keine</translation>
    </message>
    <message>
        <source>Min–max</source>
        <translation>Min–Max</translation>
    </message>
    <message>
        <source>1–99 %</source>
        <translation>1–99 %</translation>
    </message>
    <message>
        <source>Quartiles</source>
        <translation>Quartile</translation>
    </message>
    <message>
        <source>Median</source>
        <translation>Median</translation>
    </message>
    <message>
        <source>Limits in use</source>
        <translation>Verwendete Grenzen</translation>
    </message>
    <message>
        <source>input</source>
        <translation>Eingabe</translation>
    </message>
    <message>
        <source>The captured input has %1 channels, the weight %2.</source>
        <translation>Die erfasste Eingabe hat %1 Kanäle, das Gewicht %2.</translation>
    </message>
    <message>
        <source>Output channel %1</source>
        <translation>Ausgabekanal %1</translation>
    </message>
    <message>
        <source>Input channel %1</source>
        <translation>Eingabekanal %1</translation>
    </message>
    <message>
        <source>%1 · %2</source>
        <translation>%1 · %2</translation>
    </message>
    <message>
        <source>Run the calibration data through the float model once and keep what reaches each layer: its range per channel, and H = XᵀX/n for output errors</source>
        <translation>Die Kalibrierdaten einmal durch das Float-Modell schicken und behalten, was jede Schicht erreicht: den Bereich je Kanal und H = XᵀX/n für Ausgabefehler</translation>
    </message>
    <message>
        <source>Min–max of the layer's input, %1 rows</source>
        <translation>Min–Max der Eingabe der Schicht, %1 Zeilen</translation>
    </message>
    <message>
        <source>Ranges of the layer's inputs appear here once they are captured: choose calibration data in the Run panel, then capture.</source>
        <translation>Die Bereiche der Eingaben der Schicht erscheinen hier, sobald sie erfasst sind: im Feld Lauf Kalibrierdaten wählen, dann erfassen.</translation>
    </message>
    <message>
        <source>Output channels are rows of the weight, input channels its columns: of a convolution, the inputs of a group at each place of the kernel</source>
        <translation>Ausgabekanäle sind Zeilen des Gewichts, Eingabekanäle seine Spalten: bei einer Faltung die Eingaben einer Gruppe an jeder Stelle des Kerns</translation>
    </message>
    <message>
        <source>Min–max of the layer's input over its %1 groups, %2 rows</source>
        <translation>Min–Max der Eingabe der Schicht über ihre %1 Gruppen, %2 Zeilen</translation>
    </message>
</context>
<context>
    <name>gradus::ChannelPlot</name>
    <message>
        <source>Ranges of the channels</source>
        <translation>Bereiche der Kanäle</translation>
    </message>
    <message>
        <source>%1, sorted by range</source>
        <translation>%1, nach Bereich sortiert</translation>
    </message>
    <message>
        <source>%1 channel ranges</source>
        <translation>%1 Kanalbereiche</translation>
    </message>
    <message>
        <source>%1: %2 … %3</source>
        <translation>%1: %2 … %3</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation>%1: %2</translation>
    </message>
    <message>
        <source>%1 %2, one of %3 in this column</source>
        <translation>%1 %2, einer von %3 in dieser Spalte</translation>
    </message>
    <message>
        <source>%1 %2</source>
        <translation>%1 %2</translation>
    </message>
    <message>
        <source>%1 at the cursor: %2</source>
        <translation>%1 am Cursor: %2</translation>
    </message>
</context>
<context>
    <name>gradus::ChannelStripPlot</name>
    <message>
        <source>Distribution of each channel's weights</source>
        <translation>Verteilung der Gewichte jedes Kanals</translation>
    </message>
    <message>
        <source>Select a layer to see how its weights spread over the channels.</source>
        <translation>Eine Schicht auswählen, um zu sehen, wie sich ihre Gewichte über die Kanäle verteilen.</translation>
    </message>
    <message>
        <source>share of the channel's weights</source>
        <translation>Anteil an den Gewichten des Kanals</translation>
    </message>
    <message>
        <source>Limits of the grid</source>
        <translation>Grenzen des Gitters</translation>
    </message>
    <message>
        <source>weight</source>
        <translation>Gewicht</translation>
    </message>
    <message>
        <source>output channel</source>
        <translation>Ausgabekanal</translation>
    </message>
    <message>
        <source>input channel</source>
        <translation>Eingabekanal</translation>
    </message>
    <message>
        <source> · %1 channels a column</source>
        <translation> · %1 Kanäle je Spalte</translation>
    </message>
    <message>
        <source>%1 output channels%2 · limits: %3</source>
        <translation>%1 Ausgabekanäle%2 · Grenzen: %3</translation>
    </message>
    <message>
        <source>%1 input channels%2 · limits: %3</source>
        <translation>%1 Eingabekanäle%2 · Grenzen: %3</translation>
    </message>
    <message>
        <source>%1 channels</source>
        <translation>%1 Kanäle</translation>
    </message>
    <message>
        <source>output channel %1</source>
        <translation>Ausgabekanal %1</translation>
    </message>
    <message>
        <source>input channel %1</source>
        <translation>Eingabekanal %1</translation>
    </message>
    <message>
        <source>output channels %1–%2</source>
        <translation>Ausgabekanäle %1–%2</translation>
    </message>
    <message>
        <source>input channels %1–%2</source>
        <translation>Eingabekanäle %1–%2</translation>
    </message>
    <message>
        <source>weight %1</source>
        <translation>Gewicht %1</translation>
    </message>
    <message>
        <source>share %1</source>
        <translation>Anteil %1</translation>
    </message>
    <message>
        <source>limits %1 … %2</source>
        <translation>Grenzen %1 … %2</translation>
    </message>
</context>
<context>
    <name>gradus::CompandedPlot</name>
    <message>
        <source>Weights in the power domain</source>
        <translation>Gewichte im Potenzbereich</translation>
    </message>
    <message>
        <source>Weights</source>
        <translation>Gewichte</translation>
    </message>
    <message>
        <source>Levels</source>
        <translation>Stufen</translation>
    </message>
    <message>
        <source>Weights of each code</source>
        <translation>Gewichte je Code</translation>
    </message>
    <message>
        <source>code, N·sgn(w)·(|w|/s)^a</source>
        <translation>Code, N·sgn(w)·(|w|/s)^a</translation>
    </message>
    <message>
        <source>weights per code (%)</source>
        <translation>Gewichte je Code (%)</translation>
    </message>
    <message>
        <source>a = %1 · codes worth %2 of %3 bit · each has %4 to %5 of the weights</source>
        <translation>a = %1 · Codes sind %2 von %3 Bit wert · jeder hat %4 bis %5 der Gewichte</translation>
    </message>
    <message>
        <source>power domain</source>
        <translation>Potenzbereich</translation>
    </message>
    <message>
        <source>code %1: %2 weights, %3</source>
        <translation>Code %1: %2 Gewichte, %3</translation>
    </message>
</context>
<context>
    <name>gradus::ConvergencePanel</name>
    <message>
        <source>Training</source>
        <translation>Training</translation>
    </message>
    <message>
        <source>The error of the selected layer from step to step</source>
        <translation>Der Fehler der gewählten Schicht von Schritt zu Schritt</translation>
    </message>
    <message>
        <source>The loss of each block as it is trained</source>
        <translation>Der Verlust jedes Blocks, während er trainiert wird</translation>
    </message>
    <message>
        <source>Select a layer to see how its error fell from step to step.</source>
        <translation>Eine Schicht wählen, um zu sehen, wie ihr Fehler von Schritt zu Schritt fiel.</translation>
    </message>
    <message>
        <source>The training that is drawn</source>
        <translation>Das Training, das gezeichnet wird</translation>
    </message>
    <message>
        <source>S&amp;how</source>
        <translation>&amp;Zeigen</translation>
    </message>
    <message>
        <source>Summary of the trainings</source>
        <translation>Zusammenfassung der Trainings</translation>
    </message>
    <message>
        <source>Trainings of the run</source>
        <translation>Trainings des Laufs</translation>
    </message>
    <message>
        <source>All blocks</source>
        <translation>Alle Blöcke</translation>
    </message>
    <message>
        <source>Views of the steps</source>
        <translation>Ansichten der Schritte</translation>
    </message>
    <message>
        <source>Selected layer</source>
        <translation>Ausgewählte Schicht</translation>
    </message>
    <message>
        <source>Steps of the method</source>
        <translation>Schritte der Methode</translation>
    </message>
    <message>
        <source>Nothing was trained in this run.

decoupleQ and NUPES go on to train each block when their option “Block stage” is on; the losses appear here as they run.</source>
        <translation>In diesem Lauf wurde nichts trainiert.

decoupleQ und NUPES trainieren danach jeden Block, wenn ihre Option „Block stage“ eingeschaltet ist; die Verluste erscheinen hier währenddessen.</translation>
    </message>
</context>
<context>
    <name>gradus::ConvergencePlot</name>
    <message>
        <source>Error of the layer from step to step</source>
        <translation>Fehler der Schicht von Schritt zu Schritt</translation>
    </message>
    <message>
        <source>error (%)</source>
        <translation>Fehler (%)</translation>
    </message>
    <message>
        <source>rows (%)</source>
        <translation>Zeilen (%)</translation>
    </message>
    <message>
        <source>%1 → %2 in %3 steps · %4 · SQNR %5</source>
        <translation>%1 → %2 in %3 Schritten · %4 · SQNR %5</translation>
    </message>
    <message>
        <source>%1 %2</source>
        <translation>%1 %2</translation>
    </message>
    <message>
        <source>step %1: %2</source>
        <translation>Schritt %1: %2</translation>
    </message>
    <message>
        <source>error %1 · SQNR %2</source>
        <translation>Fehler %1 · SQNR %2</translation>
    </message>
    <message>
        <source>%1 against the step before</source>
        <translation>%1 gegen den Schritt davor</translation>
    </message>
    <message>
        <source>%1 of the rows took it</source>
        <translation>%1 der Zeilen übernahmen ihn</translation>
    </message>
    <message>
        <source>scales moved %1, zeros %2 steps</source>
        <translation>Skalen bewegt um %1, Nullpunkte um %2 Schritte</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation>%1: %2</translation>
    </message>
    <message>
        <source>%1 convergence</source>
        <translation>%1 Konvergenz</translation>
    </message>
</context>
<context>
    <name>gradus::Document</name>
    <message>
        <source>Run %1</source>
        <translation>Lauf %1</translation>
    </message>
    <message>
        <source>reset of %1</source>
        <translation>Zurücksetzen von %1</translation>
    </message>
    <message>
        <source>reset of %1 layers</source>
        <translation>Zurücksetzen von %1 Schichten</translation>
    </message>
    <message>
        <source>%1 layers</source>
        <translation>%1 Schichten</translation>
    </message>
    <message>
        <source>lock of %1</source>
        <translation>Sperren von %1</translation>
    </message>
    <message>
        <source>unlock of %1</source>
        <translation>Entsperren von %1</translation>
    </message>
    <message>
        <source>seed %1</source>
        <translation>Startwert %1</translation>
    </message>
    <message>
        <source>fold batch norms</source>
        <translation>Batch-Norms falten</translation>
    </message>
    <message>
        <source>keep batch norms</source>
        <translation>Batch-Norms belassen</translation>
    </message>
</context>
<context>
    <name>gradus::EmptyState</name>
    <message>
        <source>Open a model folder or drop it here</source>
        <translation>Modellordner öffnen oder hier ablegen</translation>
    </message>
    <message>
        <source>Open folder…</source>
        <translation>Ordner öffnen…</translation>
    </message>
    <message>
        <source>Open file…</source>
        <translation>Datei öffnen…</translation>
    </message>
    <message>
        <source>Recent</source>
        <translation>Zuletzt geöffnet</translation>
    </message>
    <message>
        <source>&lt;a href="open" style="text-decoration:none"&gt;%1&lt;/a&gt; &amp;nbsp;%2</source>
        <translation>&lt;a href="open" style="text-decoration:none"&gt;%1&lt;/a&gt; &amp;nbsp;%2</translation>
    </message>
    <message>
        <source>%1 is not there any more</source>
        <translation>%1 ist nicht mehr da</translation>
    </message>
    <message>
        <source>A Hugging Face folder, .safetensors, .gguf, llama2.c .bin, .onnx, .keras, Keras .h5, or a saved run (.gradus)</source>
        <translation>Ein Hugging-Face-Ordner, .safetensors, .gguf, llama2.c-.bin, .onnx, .keras, Keras-.h5 oder ein gespeicherter Lauf (.gradus)</translation>
    </message>
</context>
<context>
    <name>gradus::ErrorPanel</name>
    <message>
        <source>Model order</source>
        <translation>Wie im Modell</translation>
    </message>
    <message>
        <source>Worst first</source>
        <translation>Schlechteste zuerst</translation>
    </message>
    <message>
        <source>Largest change first</source>
        <translation>Größte Änderung zuerst</translation>
    </message>
    <message>
        <source>&amp;Log</source>
        <translation>Lo&amp;g</translation>
    </message>
    <message>
        <source>Logarithmic scale</source>
        <translation>Logarithmische Skala</translation>
    </message>
    <message>
        <source>&amp;Show</source>
        <translation>An&amp;zeigen</translation>
    </message>
    <message>
        <source>&amp;Order</source>
        <translation>&amp;Reihenfolge</translation>
    </message>
    <message>
        <source>this recipe</source>
        <translation>dieses Rezept</translation>
    </message>
</context>
<context>
    <name>gradus::ErrorPlot</name>
    <message>
        <source>block %1</source>
        <translation>Block %1</translation>
    </message>
    <message>
        <source>Errors by layer</source>
        <translation>Fehler je Schicht</translation>
    </message>
    <message>
        <source>A: %1</source>
        <translation>A: %1</translation>
    </message>
    <message>
        <source>B: %1</source>
        <translation>B: %1</translation>
    </message>
    <message>
        <source>Run the recipe to see the error of every layer.</source>
        <translation>Das Rezept ausführen, um den Fehler jeder Schicht zu sehen.</translation>
    </message>
    <message>
        <source>This was not measured.</source>
        <translation>Dies wurde nicht gemessen.</translation>
    </message>
    <message>
        <source>relative output error (%)</source>
        <translation>relativer Ausgabefehler (%)</translation>
    </message>
    <message>
        <source>weight SQNR (dB)</source>
        <translation>Gewichts-SQNR (dB)</translation>
    </message>
    <message>
        <source>1 − cosine of the weights</source>
        <translation>1 − Kosinus der Gewichte</translation>
    </message>
    <message>
        <source>size (%1)</source>
        <translation>Größe (%1)</translation>
    </message>
    <message>
        <source>block</source>
        <translation>Block</translation>
    </message>
    <message>
        <source>one name in %1</source>
        <translation>jeder %1. Name</translation>
    </message>
    <message>
        <source>worst of %1 layers</source>
        <translation>schlechteste von %1 Schichten</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation>%1: %2</translation>
    </message>
    <message>
        <source>A %1: %2</source>
        <translation>A %1: %2</translation>
    </message>
    <message>
        <source>B %1: %2</source>
        <translation>B %1: %2</translation>
    </message>
    <message>
        <source>A: %1 (%2)</source>
        <translation>A: %1 (%2)</translation>
    </message>
    <message>
        <source>B: %1 (%2)</source>
        <translation>B: %1 (%2)</translation>
    </message>
    <message>
        <source>B − A: %1</source>
        <translation>B − A: %1</translation>
    </message>
    <message>
        <source>B / A: %1</source>
        <translation>B / A: %1</translation>
    </message>
    <message>
        <source>Show</source>
        <translation>Anzeigen</translation>
    </message>
    <message>
        <source>Order</source>
        <translation>Reihenfolge</translation>
    </message>
    <message>
        <source>Model order</source>
        <translation>Wie im Modell</translation>
    </message>
    <message>
        <source>Worst first</source>
        <translation>Schlechteste zuerst</translation>
    </message>
    <message>
        <source>Largest change first</source>
        <translation>Größte Änderung zuerst</translation>
    </message>
    <message>
        <source>Logarithmic scale</source>
        <translation>Logarithmische Skala</translation>
    </message>
    <message>
        <source>The run had no calibration data, so no output error was measured. Weight SQNR and size can be shown.</source>
        <translation>Der Lauf hatte keine Kalibrierdaten, daher wurde kein Ausgabefehler gemessen. Gewichts-SQNR und Größe können gezeigt werden.</translation>
    </message>
</context>
<context>
    <name>gradus::ErrorSharesModelPlot</name>
    <message>
        <source>Errors of all layers by what is quantized</source>
        <translation>Fehler aller Schichten nach dem, was quantisiert ist</translation>
    </message>
    <message>
        <source>output error (%)</source>
        <translation>Ausgabefehler (%)</translation>
    </message>
    <message>
        <source>Relative output errors of the run</source>
        <translation>Relative Ausgabefehler des Laufs</translation>
    </message>
    <message>
        <source>%1 layer · median with both %2</source>
        <translation>%1 Schicht · Median mit beiden %2</translation>
    </message>
    <message>
        <source>%1 layers · median with both %2</source>
        <translation>%1 Schichten · Median mit beiden %2</translation>
    </message>
    <message>
        <source>errors by what is quantized</source>
        <translation>Fehler nach Quantisiertem</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation>%1: %2</translation>
    </message>
    <message>
        <source>λ of the reconstruction: %1</source>
        <translation>λ der Rekonstruktion: %1</translation>
    </message>
    <message>
        <source>layer, in the order of the model</source>
        <translation>Schicht, in der Reihenfolge des Modells</translation>
    </message>
</context>
<context>
    <name>gradus::ErrorSharesPlot</name>
    <message>
        <source>Errors of the layer by what is quantized</source>
        <translation>Fehler der Schicht nach dem, was quantisiert ist</translation>
    </message>
    <message>
        <source>relative output error (%)</source>
        <translation>relativer Ausgabefehler (%)</translation>
    </message>
    <message>
        <source>relative output error on the calibration inputs</source>
        <translation>relativer Ausgabefehler auf den Kalibriereingaben</translation>
    </message>
    <message>
        <source>%1 errors</source>
        <translation>%1 Fehler</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation>%1: %2</translation>
    </message>
    <message>
        <source>reconstructed with λ = %1</source>
        <translation>rekonstruiert mit λ = %1</translation>
    </message>
</context>
<context>
    <name>gradus::EvaluateDialog</name>
    <message>
        <source>Browse…</source>
        <translation>Durchsuchen…</translation>
    </message>
    <message>
        <source>GPTQ: every token of a window but the first</source>
        <translation>GPTQ: jedes Token eines Fensters außer dem ersten</translation>
    </message>
    <message>
        <source>llama.cpp: the second half of a window</source>
        <translation>llama.cpp: die zweite Hälfte eines Fensters</translation>
    </message>
    <message>
        <source>Model's: %1</source>
        <translation>Vom Modell: %1</translation>
    </message>
    <message>
        <source>Model's</source>
        <translation>Vom Modell</translation>
    </message>
    <message>
        <source>Text</source>
        <translation>Text</translation>
    </message>
    <message>
        <source>Convention</source>
        <translation>Konvention</translation>
    </message>
    <message>
        <source>Context</source>
        <translation>Kontext</translation>
    </message>
    <message>
        <source>Measure</source>
        <translation>Messen</translation>
    </message>
    <message>
        <source>Text (*.txt *.text *.md *.raw)</source>
        <translation>Text (*.txt *.text *.md *.raw)</translation>
    </message>
    <message>
        <source>All files (*)</source>
        <translation>Alle Dateien (*)</translation>
    </message>
    <message>
        <source>Measure outputs</source>
        <translation>Ausgaben messen</translation>
    </message>
    <message>
        <source>Perplexity</source>
        <translation>Perplexität</translation>
    </message>
    <message>
        <source>Likeness: KL against the float model</source>
        <translation>Ähnlichkeit: KL zum Float-Modell</translation>
    </message>
    <message>
        <source>Metric</source>
        <translation>Metrik</translation>
    </message>
    <message>
        <source>The float model and the shown run are measured on the same windows of the text.</source>
        <translation>Das Float-Modell und der gezeigte Lauf werden auf denselben Fenstern des Textes gemessen.</translation>
    </message>
    <message>
        <source>What the shown run expects as the next token is compared with what the float model expects, position by position.</source>
        <translation>Was der gezeigte Lauf als nächstes Token erwartet, wird Stelle für Stelle mit dem verglichen, was das Float-Modell erwartet.</translation>
    </message>
    <message>
        <source>There is no run to compare with the float model: quantize first.</source>
        <translation>Es gibt keinen Lauf zum Vergleich mit dem Float-Modell: zuerst quantisieren.</translation>
    </message>
    <message>
        <source>Evaluate the allocation</source>
        <translation>Zuteilung auswerten</translation>
    </message>
    <message>
        <source>The model is quantized as the recipe says, and measured on this text: KL against the float model, and perplexity.</source>
        <translation>Das Modell wird quantisiert, wie das Rezept es sagt, und auf diesem Text gemessen: KL gegen das float-Modell und Perplexität.</translation>
    </message>
</context>
<context>
    <name>gradus::ExponentModelPlot</name>
    <message>
        <source>Best exponent of each layer</source>
        <translation>Bester Exponent jeder Schicht</translation>
    </message>
    <message>
        <source>Gain over the uniform grid (right)</source>
        <translation>Gewinn gegenüber gleichförmig (rechts)</translation>
    </message>
    <message>
        <source>Uniform grid, a = 1</source>
        <translation>Gleichförmiges Gitter, a = 1</translation>
    </message>
    <message>
        <source>Best exponent (left)</source>
        <translation>Bester Exponent (links)</translation>
    </message>
    <message>
        <source>layer, in the order of the model</source>
        <translation>Schicht, in der Reihenfolge des Modells</translation>
    </message>
    <message>
        <source>best exponent a</source>
        <translation>bester Exponent a</translation>
    </message>
    <message>
        <source>gain (dB)</source>
        <translation>Gewinn (dB)</translation>
    </message>
    <message>
        <source>Power exponents of the model</source>
        <translation>Potenzexponenten des Modells</translation>
    </message>
    <message>
        <source>power exponents</source>
        <translation>Potenzexponenten</translation>
    </message>
    <message>
        <source>%1
best a = %2, NMSE %3
%4 over the uniform grid (%5)</source>
        <translation>%1
bestes a = %2, NMSE %3
%4 gegenüber dem gleichförmigen Gitter (%5)</translation>
    </message>
    <message>
        <source>%1 layer · mean gain %2</source>
        <translation>%1 Schicht · mittlerer Gewinn %2</translation>
    </message>
    <message>
        <source>%1 layers · mean gain %2</source>
        <translation>%1 Schichten · mittlerer Gewinn %2</translation>
    </message>
</context>
<context>
    <name>gradus::ExponentPanel</name>
    <message>
        <source>Views of the power exponent</source>
        <translation>Ansichten des Potenzexponenten</translation>
    </message>
    <message>
        <source>Selected layers</source>
        <translation>Ausgewählte Schichten</translation>
    </message>
    <message>
        <source>Whole model</source>
        <translation>Gesamtes Modell</translation>
    </message>
    <message>
        <source>Select layers to see how the error of a power grid depends on its exponent.</source>
        <translation>Schichten auswählen, um zu sehen, wie der Fehler eines Potenzgitters von dessen Exponenten abhängt.</translation>
    </message>
    <message>
        <source>Exponent</source>
        <translation>Exponent</translation>
    </message>
    <message>
        <source>Best</source>
        <translation>Bester</translation>
    </message>
    <message>
        <source>Uniform</source>
        <translation>Gleichförmig</translation>
    </message>
    <message>
        <source>Exponent 1: evenly spaced levels</source>
        <translation>Exponent 1: Stufen in gleichen Abständen</translation>
    </message>
    <message>
        <source>dB</source>
        <translation>dB</translation>
    </message>
    <message>
        <source>Show the error as 10·log₁₀(NMSE)</source>
        <translation>Den Fehler als 10·log₁₀(NMSE) anzeigen</translation>
    </message>
    <message>
        <source>Error in dB</source>
        <translation>Fehler in dB</translation>
    </message>
    <message>
        <source>Error at the exponent</source>
        <translation>Fehler beim Exponenten</translation>
    </message>
    <message>
        <source>The best exponent of each layer, and what it gains over the uniform grid, appears here once all layers are fitted.</source>
        <translation>Der beste Exponent jeder Schicht und sein Gewinn gegenüber dem gleichförmigen Gitter erscheinen hier, sobald die Exponenten aller Schichten bestimmt sind.</translation>
    </message>
    <message>
        <source>Fit all layers</source>
        <translation>Alle Exponenten bestimmen</translation>
    </message>
    <message>
        <source>Search the best exponent of every layer under its scheme</source>
        <translation>Den besten Exponenten jeder Schicht unter ihrem Schema suchen</translation>
    </message>
    <message>
        <source>one scale s = max |w|</source>
        <translation>eine Skala s = max |w|</translation>
    </message>
    <message>
        <source>a scale s = max |w| per %1 inputs</source>
        <translation>eine Skala s = max |w| je %1 Eingaben</translation>
    </message>
    <message>
        <source>a scale s = max |w| per channel</source>
        <translation>eine Skala s = max |w| je Kanal</translation>
    </message>
    <message>
        <source>Gain</source>
        <translation>Gewinn</translation>
    </message>
    <message>
        <source>Error against exponent of the selected layers</source>
        <translation>Fehler über dem Exponenten der gewählten Schichten</translation>
    </message>
    <message>
        <source>One exponent for all layers, and the best of each</source>
        <translation>Ein Exponent für alle Schichten und der beste jeder einzelnen</translation>
    </message>
    <message>
        <source>What each kind of step of the method gained</source>
        <translation>Was jede Art von Schritt der Methode gewonnen hat</translation>
    </message>
    <message>
        <source>Quantize with PowerQuant or NUPES to see where the gain comes from.</source>
        <translation>Mit PowerQuant oder NUPES quantisieren, um zu sehen, woher der Gewinn kommt.</translation>
    </message>
    <message>
        <source>The exponent a of the power grid: levels ŵ = s·(k/N)^(1/a), dense around zero below 1, evenly spaced at 1. Drag the marker, or type. It is the recipe's where the layer's method has a power grid, and a look ahead otherwise.</source>
        <translation>Der Exponent a des Potenzgitters: Stufen ŵ = s·(k/N)^(1/a), unter 1 dicht um null, bei 1 gleichmäßig verteilt. Die Marke ziehen oder tippen. Er ist der des Rezepts, wenn die Methode der Schicht ein Potenzgitter hat, sonst eine Vorschau.</translation>
    </message>
    <message>
        <source>Best exponent</source>
        <translation>Bester Exponent</translation>
    </message>
    <message>
        <source>½</source>
        <translation>½</translation>
    </message>
    <message>
        <source>Exponent one half</source>
        <translation>Exponent ein Halb</translation>
    </message>
    <message>
        <source>Exponent ½: integer arithmetic computes its products exactly</source>
        <translation>Exponent ½: Ganze Zahlen berechnen seine Produkte exakt</translation>
    </message>
    <message>
        <source>Uniform grid</source>
        <translation>Gleichförmiges Gitter</translation>
    </message>
    <message>
        <source>Use PowerQuant</source>
        <translation>PowerQuant nehmen</translation>
    </message>
    <message>
        <source>Make PowerQuant the layer's method, with the exponent shown</source>
        <translation>PowerQuant mit dem gezeigten Exponenten zur Methode der Schicht machen</translation>
    </message>
    <message>
        <source>Weight error NMSE = Σ(w − ŵ)² / Σw². The gain over the uniform grid is 10·log₁₀(NMSE at a = 1 / NMSE).</source>
        <translation>Gewichtsfehler NMSE = Σ(w − ŵ)² / Σw². Der Gewinn gegenüber dem gleichförmigen Gitter ist 10·log₁₀(NMSE bei a = 1 / NMSE).</translation>
    </message>
    <message>
        <source>The weights after the power map appear here.</source>
        <translation>Hier erscheinen die Gewichte nach der Potenzabbildung.</translation>
    </message>
    <message>
        <source>What is drawn of the power grid</source>
        <translation>Was vom Potenzgitter gezeichnet wird</translation>
    </message>
    <message>
        <source>Levels over the weights</source>
        <translation>Stufen über den Gewichten</translation>
    </message>
    <message>
        <source>Weights in the power domain</source>
        <translation>Gewichte im Potenzbereich</translation>
    </message>
    <message>
        <source>The power domain is the weights after the power map N·sgn(w)·(|w|/s)^a: there the grid is uniform, and it shows how many weights each code has.</source>
        <translation>Der Potenzbereich zeigt die Gewichte nach der Potenzabbildung N·sgn(w)·(|w|/s)^a: Dort ist das Gitter gleichförmig, und man sieht, wie viele Gewichte jeder Code hat.</translation>
    </message>
    <message>
        <source>&lt;p&gt;A power grid has its levels where an evenly spaced grid has them after raising to the power a, which suits weights that crowd around zero.&lt;/p&gt;&lt;p&gt;Rounding in the power domain: k = ⌊N·(|w|/s)&lt;sup&gt;a&lt;/sup&gt; + ½⌋; nearest: the k with the least |w − ŵ|. ŵ = sign(w)·s·(k/N)&lt;sup&gt;1/a&lt;/sup&gt;&lt;/p&gt;&lt;p&gt;The grid is symmetric: N = 2&lt;sup&gt;bits − 1&lt;/sup&gt; − 1 levels on each side of zero, and s is the largest |w| of what shares a scale, or with a clip a share of it. With a = 1 it is the uniform symmetric grid, which an asymmetric scheme of the layer does not equal.&lt;/p&gt;&lt;p&gt;The diamond is what theory expects of many levels: D(a) ≈ s²·E|w/s|&lt;sup&gt;2−2a&lt;/sup&gt; / (12·N²·a²) at its least.&lt;/p&gt;</source>
        <translation>&lt;p&gt;Ein Potenzgitter hat seine Stufen dort, wo ein gleichmäßiges Gitter sie nach dem Potenzieren mit a hat; das passt zu Gewichten, die sich um null drängen.&lt;/p&gt;&lt;p&gt;Runden im Potenzbereich: k = ⌊N·(|w|/s)&lt;sup&gt;a&lt;/sup&gt; + ½⌋; nächste Stufe: das k mit dem kleinsten |w − ŵ|. ŵ = sign(w)·s·(k/N)&lt;sup&gt;1/a&lt;/sup&gt;&lt;/p&gt;&lt;p&gt;Das Gitter ist symmetrisch: N = 2&lt;sup&gt;Bit − 1&lt;/sup&gt; − 1 Stufen auf jeder Seite der Null; s ist der größte |w| dessen, was eine Skala teilt, oder mit Clip ein Anteil davon. Mit a = 1 ist es das gleichförmige symmetrische Gitter, dem ein asymmetrisches Schema der Schicht nicht gleicht.&lt;/p&gt;&lt;p&gt;Die Raute ist, was die Theorie für viele Stufen erwartet: D(a) ≈ s²·E|w/s|&lt;sup&gt;2−2a&lt;/sup&gt; / (12·N²·a²) im Kleinsten.&lt;/p&gt;</translation>
    </message>
    <message>
        <source>Error of the whole model against exponent</source>
        <translation>Fehler des ganzen Modells über dem Exponenten</translation>
    </message>
    <message>
        <source>The error of all layers at one common exponent appears here.</source>
        <translation>Hier erscheint der Fehler aller Schichten bei einem gemeinsamen Exponenten.</translation>
    </message>
    <message>
        <source>Where the gain of the whole run comes from</source>
        <translation>Woher der Gewinn des ganzen Laufs kommt</translation>
    </message>
    <message>
        <source>Let the recipe search the exponent with the least error again</source>
        <translation>Das Rezept den Exponenten mit dem kleinsten Fehler wieder suchen lassen</translation>
    </message>
    <message>
        <source>The exponent with the least error: a scan, then golden sections</source>
        <translation>Der Exponent mit dem kleinsten Fehler: ein Raster, dann goldene Schnitte</translation>
    </message>
    <message>
        <source>Symmetric power grid of %1 bits without zero: %2 levels on each side, %3.</source>
        <translation>Symmetrisches Potenzgitter mit %1 Bit ohne Null: %2 Stufen auf jeder Seite, %3.</translation>
    </message>
    <message>
        <source>Symmetric power grid of %1 bits: N = %2 level on each side of zero, %3.</source>
        <translation>Symmetrisches Potenzgitter mit %1 Bit: N = %2 Stufe auf jeder Seite der Null, %3.</translation>
    </message>
    <message>
        <source>Symmetric power grid of %1 bits: N = %2 levels on each side of zero, %3.</source>
        <translation>Symmetrisches Potenzgitter mit %1 Bit: N = %2 Stufen auf jeder Seite der Null, %3.</translation>
    </message>
    <message>
        <source>%1 Its levels −s, 0, s do not depend on the exponent: a clip, or levels without zero, help here.</source>
        <translation>%1 Seine Stufen −s, 0, s hängen nicht vom Exponenten ab: Hier helfen ein Clip oder Stufen ohne Null.</translation>
    </message>
    <message>
        <source>error %1</source>
        <translation>Fehler %1</translation>
    </message>
    <message>
        <source>error %1 · gain %2</source>
        <translation>Fehler %1 · Gewinn %2</translation>
    </message>
    <message>
        <source>1 layer of the run</source>
        <translation>1 Schicht des Laufs</translation>
    </message>
    <message>
        <source>Mean over %1 layers, in dB</source>
        <translation>Mittel über %1 Schichten, in dB</translation>
    </message>
</context>
<context>
    <name>gradus::ExponentPlot</name>
    <message>
        <source>Error against exponent</source>
        <translation>Fehler über dem Exponenten</translation>
    </message>
    <message>
        <source>power exponent a</source>
        <translation>Potenzexponent a</translation>
    </message>
    <message>
        <source>%1: a = %2, %3</source>
        <translation>%1: a = %2, %3</translation>
    </message>
    <message>
        <source>%1 of %2 selected layers shown</source>
        <translation>%1 von %2 ausgewählten Schichten gezeigt</translation>
    </message>
    <message>
        <source>%1 layers</source>
        <translation>%1 Schichten</translation>
    </message>
    <message>
        <source>● best exponent with its gain over the uniform grid · □ uniform grid, a = 1</source>
        <translation>● bester Exponent mit seinem Gewinn gegenüber dem gleichförmigen Gitter · □ gleichförmiges Gitter, a = 1</translation>
    </message>
    <message>
        <source>Error in dB</source>
        <translation>Fehler in dB</translation>
    </message>
    <message>
        <source>%1 exponent</source>
        <translation>%1 Exponent</translation>
    </message>
    <message>
        <source>exponents</source>
        <translation>Exponenten</translation>
    </message>
    <message>
        <source>exponent %1</source>
        <translation>Exponent %1</translation>
    </message>
    <message>
        <source>Power domain</source>
        <translation>Potenzbereich</translation>
    </message>
    <message>
        <source>Nearest</source>
        <translation>Nächste</translation>
    </message>
    <message>
        <source>Clipped</source>
        <translation>Mit Clip</translation>
    </message>
    <message>
        <source>½ exact</source>
        <translation>½ exakt</translation>
    </message>
    <message>
        <source>1 uniform</source>
        <translation>1 gleichförmig</translation>
    </message>
    <message>
        <source>Basin</source>
        <translation>Senke</translation>
    </message>
    <message>
        <source>Uniform</source>
        <translation>Gleichförmig</translation>
    </message>
    <message>
        <source>weight error (dB)</source>
        <translation>Gewichtsfehler (dB)</translation>
    </message>
    <message>
        <source>weight error (%)</source>
        <translation>Gewichtsfehler (%)</translation>
    </message>
    <message>
        <source>%1 %2</source>
        <translation>%1 %2</translation>
    </message>
    <message>
        <source>Basins (%1)</source>
        <translation>Senken (%1)</translation>
    </message>
    <message>
        <source>Theory %1</source>
        <translation>Theorie %1</translation>
    </message>
    <message>
        <source>Whole model</source>
        <translation>Gesamtes Modell</translation>
    </message>
    <message>
        <source>%1: error %2, %3 over uniform</source>
        <translation>%1: Fehler %2, %3 gegenüber gleichförmig</translation>
    </message>
    <message>
        <source>Computed %1</source>
        <translation>Berechnet %1</translation>
    </message>
    <message>
        <source>%1 of %2 layers so far · best common a = %3 · gain %4</source>
        <translation>Bisher %1 von %2 Schichten · bestes gemeinsames a = %3 · Gewinn %4</translation>
    </message>
    <message>
        <source>%1 of %2 layers · best common a = %3 · gain %4</source>
        <translation>%1 von %2 Schichten · bestes gemeinsames a = %3 · Gewinn %4</translation>
    </message>
    <message>
        <source>%1 bit · best a = %2 · gain %3 · %4</source>
        <translation>%1 Bit · bestes a = %2 · Gewinn %3 · %4</translation>
    </message>
</context>
<context>
    <name>gradus::ExportDialog</name>
    <message>
        <source>Dequantized safetensors</source>
        <translation>Dequantisierte safetensors</translation>
    </message>
    <message>
        <source>GPTQ checkpoint</source>
        <translation>GPTQ-Checkpoint</translation>
    </message>
    <message>
        <source>HDF5</source>
        <translation>HDF5</translation>
    </message>
    <message>
        <source>A folder that takes the original's place: the quantized values in the source's own type, with configuration and tokenizer.</source>
        <translation>Ein Ordner, der an die Stelle des Originals tritt: die quantisierten Werte im Datentyp der Quelle, mit Konfiguration und Tokenizer.</translation>
    </message>
    <message>
        <source>A folder with packed codes as GPTQ runtimes load it; layers that cannot be packed stay float and are marked so.</source>
        <translation>Ein Ordner mit gepackten Codes, wie GPTQ-Laufzeitumgebungen sie laden; Schichten, die sich nicht packen lassen, bleiben float und werden so gekennzeichnet.</translation>
    </message>
    <message>
        <source>A file with codes, scales, zeros and reports that any HDF5 viewer opens.</source>
        <translation>Eine Datei mit Codes, Skalen, Nullpunkten und Berichten, die jeder HDF5-Betrachter öffnet.</translation>
    </message>
    <message>
        <source>Export: %1</source>
        <translation>Export: %1</translation>
    </message>
    <message>
        <source>Browse…</source>
        <translation>Durchsuchen…</translation>
    </message>
    <message>
        <source>File</source>
        <translation>Datei</translation>
    </message>
    <message>
        <source>Folder</source>
        <translation>Ordner</translation>
    </message>
    <message>
        <source>Automatic</source>
        <translation>Automatisch</translation>
    </message>
    <message>
        <source>v1 (zero − 1, the widest support)</source>
        <translation>v1 (Nullpunkt − 1, am weitesten unterstützt)</translation>
    </message>
    <message>
        <source>v2 (zero as it is)</source>
        <translation>v2 (Nullpunkt unverändert)</translation>
    </message>
    <message>
        <source>Zero points</source>
        <translation>Nullpunkte</translation>
    </message>
    <message>
        <source>Export</source>
        <translation>Exportieren</translation>
    </message>
    <message>
        <source>What this format changes</source>
        <translation>Was dieses Format ändert</translation>
    </message>
    <message>
        <source>Looking…</source>
        <translation>Wird geprüft…</translation>
    </message>
    <message>
        <source>Nothing: every layer is written as it was computed.</source>
        <translation>Nichts: Jede Schicht wird so geschrieben, wie sie berechnet wurde.</translation>
    </message>
    <message>
        <source>Dequantized ONNX</source>
        <translation>ONNX, dequantisiert</translation>
    </message>
    <message>
        <source>Dequantized Keras</source>
        <translation>Keras, dequantisiert</translation>
    </message>
    <message>
        <source>The model's own file with the quantized values in place of its weights; everything else stays as it is.</source>
        <translation>Die Datei des Modells selbst mit den quantisierten Werten anstelle ihrer Gewichte; alles andere bleibt, wie es ist.</translation>
    </message>
    <message>
        <source>HDF5 files (*.h5)</source>
        <translation>HDF5-Dateien (*.h5)</translation>
    </message>
    <message>
        <source>ONNX models (*.onnx)</source>
        <translation>ONNX-Modelle (*.onnx)</translation>
    </message>
    <message>
        <source>Keras models (*.%1)</source>
        <translation>Keras-Modelle (*.%1)</translation>
    </message>
    <message>
        <source>Name a folder.</source>
        <translation>Einen Ordner angeben.</translation>
    </message>
    <message>
        <source>Name a file.</source>
        <translation>Eine Datei angeben.</translation>
    </message>
    <message>
        <source>%1 is a folder: name a file in it.</source>
        <translation>%1 ist ein Ordner: eine Datei darin angeben.</translation>
    </message>
    <message>
        <source>%1 exists already: name a new file.</source>
        <translation>%1 gibt es schon: eine neue Datei angeben.</translation>
    </message>
    <message>
        <source>⚠ %1</source>
        <translation>⚠ %1</translation>
    </message>
    <message>
        <source>All files (*)</source>
        <translation>Alle Dateien (*)</translation>
    </message>
</context>
<context>
    <name>gradus::FedStrip</name>
    <message>
        <source>First samples as they are fed</source>
        <translation>Die ersten Stichproben, wie sie eingegeben werden</translation>
    </message>
    <message>
        <source>Looking at the data…</source>
        <translation>Die Daten werden angesehen…</translation>
    </message>
    <message>
        <source>⚠ %1</source>
        <translation>⚠ %1</translation>
    </message>
    <message>
        <source>%1 · fed: %2 to %3, mean %4</source>
        <translation>%1 · Eingabe: %2 bis %3, Mittel %4</translation>
    </message>
    <message>
        <source>Range and mean of the first sample as it is fed</source>
        <translation>Bereich und Mittelwert der ersten Stichprobe, wie sie eingegeben wird</translation>
    </message>
    <message>
        <source>Range and mean of the first %1 samples as they are fed</source>
        <translation>Bereich und Mittelwert der ersten %1 Stichproben, wie sie eingegeben werden</translation>
    </message>
</context>
<context>
    <name>gradus::FilterLine</name>
    <message>
        <source>%1 (at the end)</source>
        <translation>%1 (am Ende)</translation>
    </message>
    <message>
        <source>%1 (at character %2)</source>
        <translation>%1 (bei Zeichen %2)</translation>
    </message>
    <message>
        <source>Words that must occur, a pattern such as *q_proj* or /layers\.[0-3]/, or conditions such as bits&lt;4 and sqnr&lt;15 (Ctrl+F)</source>
        <translation>Wörter, die vorkommen müssen, ein Muster wie *q_proj* oder /layers\.[0-3]/ oder Bedingungen wie bits&lt;4 and sqnr&lt;15 (Strg+F)</translation>
    </message>
    <message>
        <source>Problem of the filter</source>
        <translation>Problem des Filters</translation>
    </message>
    <message>
        <source>words that all occur in a row</source>
        <translation>Wörter, die alle in einer Zeile vorkommen</translation>
    </message>
    <message>
        <source>a pattern for the whole name</source>
        <translation>ein Muster für den ganzen Namen</translation>
    </message>
    <message>
        <source>a regular expression within the name</source>
        <translation>ein regulärer Ausdruck innerhalb des Namens</translation>
    </message>
    <message>
        <source>conditions joined by and, or, not</source>
        <translation>mit and, or, not verknüpfte Bedingungen</translation>
    </message>
    <message>
        <source>How to filter</source>
        <translation>Hinweise zum Filtern</translation>
    </message>
    <message>
        <source>Filter layers by</source>
        <translation>Schichten filtern nach</translation>
    </message>
    <message>
        <source>Fields</source>
        <translation>Felder</translation>
    </message>
    <message>
        <source>Compare with &amp;lt; &amp;lt;= &amp;gt; &amp;gt;= = != and ~ (regular expression). Numbers that are not known match no comparison.</source>
        <translation>Vergleiche mit &amp;lt; &amp;lt;= &amp;gt; &amp;gt;= = != und ~ (regulärer Ausdruck). Unbekannte Zahlen erfüllen keinen Vergleich.</translation>
    </message>
</context>
<context>
    <name>gradus::GainPlot</name>
    <message>
        <source>Where the gain comes from</source>
        <translation>Woher der Gewinn kommt</translation>
    </message>
    <message>
        <source>output error %1 → %2</source>
        <translation>Ausgabefehler %1 → %2</translation>
    </message>
    <message>
        <source>weight error %1 → %2</source>
        <translation>Gewichtsfehler %1 → %2</translation>
    </message>
    <message>
        <source>gain</source>
        <translation>Gewinn</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation>%1: %2</translation>
    </message>
    <message>
        <source>gain over uniform (dB)</source>
        <translation>Gewinn gegenüber gleichförmig (dB)</translation>
    </message>
</context>
<context>
    <name>gradus::HelpWindow</name>
    <message>
        <source>Gradus: user guide</source>
        <translation>Gradus: Benutzerhandbuch</translation>
    </message>
    <message>
        <source>Chapters</source>
        <translation>Kapitel</translation>
    </message>
    <message>
        <source>User guide</source>
        <translation>Benutzerhandbuch</translation>
    </message>
</context>
<context>
    <name>gradus::HistogramPlot</name>
    <message>
        <source>Weight histogram</source>
        <translation>Gewichtshistogramm</translation>
    </message>
    <message>
        <source>Select a layer to see the distribution of its weights.</source>
        <translation>Eine Schicht auswählen, um die Verteilung ihrer Gewichte zu sehen.</translation>
    </message>
    <message>
        <source>Original</source>
        <translation>Original</translation>
    </message>
    <message>
        <source>Lowest and highest level</source>
        <translation>Niedrigste und höchste Stufe</translation>
    </message>
    <message>
        <source>Error ŵ − w</source>
        <translation>Fehler ŵ − w</translation>
    </message>
    <message>
        <source>Quantized</source>
        <translation>Quantisiert</translation>
    </message>
    <message>
        <source>Clip limits</source>
        <translation>Clipgrenzen</translation>
    </message>
    <message>
        <source>weight</source>
        <translation>Gewicht</translation>
    </message>
    <message>
        <source>density (1/weight)</source>
        <translation>Dichte (1/Gewicht)</translation>
    </message>
    <message>
        <source>weights per bin</source>
        <translation>Gewichte je Klasse</translation>
    </message>
    <message>
        <source>%1 · computed</source>
        <translation>%1 · berechnet</translation>
    </message>
    <message>
        <source>%1 · rounded preview</source>
        <translation>%1 · gerundete Vorschau</translation>
    </message>
    <message>
        <source>%1 · n = %2</source>
        <translation>%1 · n = %2</translation>
    </message>
    <message>
        <source>Levels (%1, first group)</source>
        <translation>Stufen (%1, erste Gruppe)</translation>
    </message>
    <message>
        <source>±%1 σ (%2 beyond)</source>
        <translation>±%1 σ (%2 außerhalb)</translation>
    </message>
    <message>
        <source>quantized weights</source>
        <translation>quantisierte Gewichte</translation>
    </message>
    <message>
        <source>error ŵ − w</source>
        <translation>Fehler ŵ − w</translation>
    </message>
    <message>
        <source>original weights</source>
        <translation>ursprüngliche Gewichte</translation>
    </message>
    <message>
        <source>%1 of %2 selected layers shown</source>
        <translation>%1 von %2 ausgewählten Schichten gezeigt</translation>
    </message>
    <message>
        <source>%1 layers</source>
        <translation>%1 Schichten</translation>
    </message>
    <message>
        <source>%1, each normalized to area 1</source>
        <translation>%1, jeweils auf Fläche 1 normiert</translation>
    </message>
    <message>
        <source>%1* · %2, each normalized to area 1</source>
        <translation>%1* · %2, jeweils auf Fläche 1 normiert</translation>
    </message>
    <message>
        <source>%1 (kept float)</source>
        <translation>%1 (bleibt float)</translation>
    </message>
    <message>
        <source>weight %1</source>
        <translation>Gewicht %1</translation>
    </message>
    <message>
        <source>original %1</source>
        <translation>Original %1</translation>
    </message>
    <message>
        <source>quantized %1</source>
        <translation>quantisiert %1</translation>
    </message>
    <message>
        <source>error %1</source>
        <translation>Fehler %1</translation>
    </message>
    <message>
        <source>Logarithmic</source>
        <translation>Logarithmisch</translation>
    </message>
    <message>
        <source>Density</source>
        <translation>Dichte</translation>
    </message>
    <message>
        <source>weights of several layers</source>
        <translation>Gewichte mehrerer Schichten</translation>
    </message>
    <message>
        <source>weights</source>
        <translation>Gewichte</translation>
    </message>
    <message>
        <source>%1 · a = %2</source>
        <translation>%1 · a = %2</translation>
    </message>
    <message>
        <source>%1 · a = %2 to %3</source>
        <translation>%1 · a = %2 bis %3</translation>
    </message>
    <message>
        <source>%1 · %2 weight kept</source>
        <translation>%1 · %2 Gewicht behalten</translation>
    </message>
    <message>
        <source>%1 · %2 weights kept</source>
        <translation>%1 · %2 Gewichte behalten</translation>
    </message>
    <message>
        <source>%1 · preview</source>
        <translation>%1 · Vorschau</translation>
    </message>
    <message>
        <source>%1 · preview with the layer's own exponent</source>
        <translation>%1 · Vorschau mit dem Exponenten der Schicht allein</translation>
    </message>
    <message>
        <source>%1 · preview of the start, without calibration</source>
        <translation>%1 · Vorschau des Anfangs, ohne Kalibrierung</translation>
    </message>
</context>
<context>
    <name>gradus::JobRunner</name>
    <message>
        <source>out of memory</source>
        <translation>nicht genug Speicher</translation>
    </message>
    <message>
        <source>internal error: %1</source>
        <translation>interner Fehler: %1</translation>
    </message>
    <message>
        <source>internal error</source>
        <translation>interner Fehler</translation>
    </message>
</context>
<context>
    <name>gradus::LayerTableModel</name>
    <message>
        <source>Layer</source>
        <translation>Schicht</translation>
    </message>
    <message>
        <source>Name of the layer in the model</source>
        <translation>Name der Schicht im Modell</translation>
    </message>
    <message>
        <source>Block</source>
        <translation>Block</translation>
    </message>
    <message>
        <source>Repeated unit of the network that the layer belongs to</source>
        <translation>Wiederholte Einheit des Netzes, zu der die Schicht gehört</translation>
    </message>
    <message>
        <source>Kind</source>
        <translation>Art</translation>
    </message>
    <message>
        <source>Operation that uses the weight</source>
        <translation>Operation, die das Gewicht verwendet</translation>
    </message>
    <message>
        <source>Shape</source>
        <translation>Form</translation>
    </message>
    <message>
        <source>Outputs × inputs, as stored</source>
        <translation>Ausgaben × Eingaben, wie gespeichert</translation>
    </message>
    <message>
        <source>Parameters</source>
        <translation>Parameter</translation>
    </message>
    <message>
        <source>Number of weights</source>
        <translation>Anzahl der Gewichte</translation>
    </message>
    <message>
        <source>Method</source>
        <translation>Methode</translation>
    </message>
    <message>
        <source>How the codes are chosen</source>
        <translation>Wie die Codes gewählt werden</translation>
    </message>
    <message>
        <source>Bits</source>
        <translation>Bits</translation>
    </message>
    <message>
        <source>Bits of a code: 2 to 8, or float (press 2 … 8)</source>
        <translation>Bits eines Codes: 2 bis 8 oder float (Tasten 2 … 8)</translation>
    </message>
    <message>
        <source>Group</source>
        <translation>Gruppe</translation>
    </message>
    <message>
        <source>Consecutive inputs that share a scale: a whole channel, the whole tensor, or a number</source>
        <translation>Aufeinanderfolgende Eingaben, die sich eine Skala teilen: ein ganzer Kanal, der ganze Tensor oder eine Anzahl</translation>
    </message>
    <message>
        <source>Symmetry</source>
        <translation>Symmetrie</translation>
    </message>
    <message>
        <source>Symmetric: the zero stands in the middle and is not stored</source>
        <translation>Symmetrisch: Der Nullpunkt liegt in der Mitte und wird nicht gespeichert</translation>
    </message>
    <message>
        <source>Bits/weight</source>
        <translation>Bit/Gewicht</translation>
    </message>
    <message>
        <source>Stored bits of codes, scales and zeros over the number of weights</source>
        <translation>Gespeicherte Bits von Codes, Skalen und Nullpunkten geteilt durch die Anzahl der Gewichte</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>Größe</translation>
    </message>
    <message>
        <source>Stored bytes</source>
        <translation>Gespeicherte Bytes</translation>
    </message>
    <message>
        <source>Weight SQNR</source>
        <translation>Gewichts-SQNR</translation>
    </message>
    <message>
        <source>Signal to quantization noise of the weights: 10·log10 of Σw² over Σ(w − ŵ)²; more is better</source>
        <translation>Signal-Quantisierungsrausch-Verhältnis der Gewichte: 10·log10 des Verhältnisses Σw² zu Σ(w − ŵ)²; höher ist besser</translation>
    </message>
    <message>
        <source>Output error</source>
        <translation>Ausgabefehler</translation>
    </message>
    <message>
        <source>Relative output error on the calibration inputs: ‖X(W − Ŵ)ᵀ‖² over ‖XWᵀ‖²
● up to 1 %   ▲ up to 5 %   ◆ above</source>
        <translation>Relativer Ausgabefehler auf den Kalibriereingaben: ‖X(W − Ŵ)ᵀ‖² geteilt durch ‖XWᵀ‖²
● bis 1 %   ▲ bis 5 %   ◆ darüber</translation>
    </message>
    <message>
        <source>Outliers</source>
        <translation>Ausreißer</translation>
    </message>
    <message>
        <source>Share of weights farther than 6 standard deviations from the mean: #{|w − μ| &gt; 6 σ} over #w</source>
        <translation>Anteil der Gewichte, die weiter als 6 Standardabweichungen vom Mittelwert entfernt sind: #{|w − μ| &gt; 6 σ} geteilt durch #w</translation>
    </message>
    <message>
        <source>Lock</source>
        <translation>Sperre</translation>
    </message>
    <message>
        <source>A locked layer is left alone by edits of several layers and by allocation (Space)</source>
        <translation>Eine gesperrte Schicht bleibt von Änderungen an mehreren Schichten und von der Zuteilung unberührt (Leertaste)</translation>
    </message>
    <message>
        <source>locked</source>
        <translation>gesperrt</translation>
    </message>
    <message>
        <source>block %1: %2</source>
        <translation>Block %1: %2</translation>
    </message>
    <message>
        <source>Locked: edits of several layers leave it alone</source>
        <translation>Gesperrt: Änderungen an mehreren Schichten lassen sie unberührt</translation>
    </message>
    <message>
        <source>Chosen for this layer (in bold)</source>
        <translation>Für diese Schicht gewählt (fett)</translation>
    </message>
    <message>
        <source>From the recipe's rules or standard</source>
        <translation>Aus den Regeln oder dem Standard des Rezepts</translation>
    </message>
    <message>
        <source>Not computed yet: run the recipe</source>
        <translation>Noch nicht berechnet: Rezept ausführen</translation>
    </message>
    <message>
        <source>Not measured: the run had no calibration text</source>
        <translation>Nicht gemessen: Der Lauf hatte keinen Kalibriertext</translation>
    </message>
    <message>
        <source>Not counted yet</source>
        <translation>Noch nicht gezählt</translation>
    </message>
    <message>
        <source>Locked: edits of several layers leave it alone. Click or press Space to unlock.</source>
        <translation>Gesperrt: Änderungen an mehreren Schichten lassen sie unberührt. Zum Entsperren klicken oder die Leertaste drücken.</translation>
    </message>
    <message>
        <source>Not locked. Click or press Space to lock.</source>
        <translation>Nicht gesperrt. Zum Sperren klicken oder die Leertaste drücken.</translation>
    </message>
    <message>
        <source>not locked</source>
        <translation>nicht gesperrt</translation>
    </message>
    <message>
        <source>Block stage</source>
        <translation>Blockphase</translation>
    </message>
    <message>
        <source>What the training of the layer's block brought: 10·log10 of the block's error before over after, ‖y − ŷ‖² over ‖y‖² of its output</source>
        <translation>Was das Training des Blocks der Schicht brachte: 10·log10 des Blockfehlers vorher durch nachher, ‖y − ŷ‖² durch ‖y‖² seiner Ausgabe</translation>
    </message>
    <message>
        <source>Its block was not trained: decoupleQ does so with its block stage</source>
        <translation>Ihr Block wurde nicht trainiert: decoupleQ tut das mit seiner Blockphase</translation>
    </message>
    <message>
        <source>Exponent</source>
        <translation>Exponent</translation>
    </message>
    <message>
        <source>Exponent a of the layer's power grid, levels s·(k/N)^(1/a): 1 is uniform, less has finer levels near zero; of rows with exponents of their own, the mean</source>
        <translation>Exponent a des Potenzgitters der Schicht, Stufen s·(k/N)^(1/a): 1 ist gleichförmig, kleinere Werte haben feinere Stufen nahe null; bei Zeilen mit eigenen Exponenten das Mittel</translation>
    </message>
    <message>
        <source>Kept</source>
        <translation>Behalten</translation>
    </message>
    <message>
        <source>Share of the weights that are kept as floats beside the codes</source>
        <translation>Anteil der Gewichte, die neben den Codes als Gleitkommazahlen behalten werden</translation>
    </message>
    <message>
        <source>Act bits</source>
        <translation>Akt.-Bit</translation>
    </message>
    <message>
        <source>Searched when the recipe is run</source>
        <translation>Wird gesucht, wenn das Rezept ausgeführt wird</translation>
    </message>
    <message>
        <source>Its method has a uniform grid</source>
        <translation>Ihre Methode hat ein gleichförmiges Gitter</translation>
    </message>
    <message>
        <source>Bits of the layer's inputs, its activations; float leaves them as they are</source>
        <translation>Bits der Eingaben der Schicht, ihrer Aktivierungen; float lässt sie, wie sie sind</translation>
    </message>
    <message>
        <source>Act grid</source>
        <translation>Akt.-Gitter</translation>
    </message>
    <message>
        <source>Levels of the layer's inputs: a power grid, or a uniform one with a zero point; the method's own, or chosen</source>
        <translation>Stufen der Eingaben der Schicht: ein Potenzgitter oder ein gleichförmiges mit Nullpunkt; das der Methode oder ein gewähltes</translation>
    </message>
    <message>
        <source>uniform</source>
        <translation>gleichförmig</translation>
    </message>
    <message>
        <source>power</source>
        <translation>Potenz</translation>
    </message>
    <message>
        <source>Error, weights</source>
        <translation>Fehler, Gewichte</translation>
    </message>
    <message>
        <source>Relative output error on calibration rows with the weights quantized and float inputs, of layers with inputs on uniform grids</source>
        <translation>Relativer Ausgabefehler auf Kalibrierzeilen mit quantisierten Gewichten und float-Eingaben, von Schichten mit Eingaben auf gleichförmigen Gittern</translation>
    </message>
    <message>
        <source>Error, inputs</source>
        <translation>Fehler, Eingaben</translation>
    </message>
    <message>
        <source>Relative output error on calibration rows with the inputs quantized and float weights</source>
        <translation>Relativer Ausgabefehler auf Kalibrierzeilen mit quantisierten Eingaben und float-Gewichten</translation>
    </message>
    <message>
        <source>Error, both</source>
        <translation>Fehler, beide</translation>
    </message>
    <message>
        <source>Relative output error on calibration rows with weights and inputs quantized</source>
        <translation>Relativer Ausgabefehler auf Kalibrierzeilen mit quantisierten Gewichten und Eingaben</translation>
    </message>
    <message>
        <source>Its inputs are not on uniform grids, or there were no calibration inputs</source>
        <translation>Ihre Eingaben liegen nicht auf gleichförmigen Gittern, oder es gab keine Kalibriereingaben</translation>
    </message>
</context>
<context>
    <name>gradus::LayerTablePanel</name>
    <message>
        <source>Method</source>
        <translation>Methode</translation>
    </message>
    <message>
        <source>Method of all selected layers</source>
        <translation>Methode aller ausgewählten Schichten</translation>
    </message>
    <message>
        <source>Bits</source>
        <translation>Bits</translation>
    </message>
    <message>
        <source>Bits of all selected layers</source>
        <translation>Bits aller ausgewählten Schichten</translation>
    </message>
    <message>
        <source>Group</source>
        <translation>Gruppe</translation>
    </message>
    <message>
        <source>Group of all selected layers</source>
        <translation>Gruppe aller ausgewählten Schichten</translation>
    </message>
    <message>
        <source>Symmetry</source>
        <translation>Symmetrie</translation>
    </message>
    <message>
        <source>Symmetry of all selected layers</source>
        <translation>Symmetrie aller ausgewählten Schichten</translation>
    </message>
    <message>
        <source>Layers</source>
        <translation>Schichten</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>Kopieren</translation>
    </message>
    <message>
        <source>Filter layers</source>
        <translation>Schichten filtern</translation>
    </message>
    <message>
        <source>Filter: q_proj, *attn*, bits&lt;4 and error&gt;5%</source>
        <translation>Filter: q_proj, *attn*, bits&lt;4 and error&gt;5%</translation>
    </message>
    <message>
        <source>What a filter may say</source>
        <translation>Was ein Filter enthalten kann</translation>
    </message>
    <message>
        <source>Help on filters</source>
        <translation>Hilfe zu Filtern</translation>
    </message>
    <message>
        <source>Reset</source>
        <translation>Zurücksetzen</translation>
    </message>
    <message>
        <source>Back to what the recipe's rules and standard say (Del)</source>
        <translation>Auf Regeln und Standard des Rezepts zurücksetzen (Entf)</translation>
    </message>
    <message>
        <source>View</source>
        <translation>Ansicht</translation>
    </message>
    <message>
        <source>Blocks, columns, order, rules, and the table as a file</source>
        <translation>Blöcke, Spalten, Reihenfolge, Regeln und die Tabelle als Datei</translation>
    </message>
    <message>
        <source>&amp;Group by block</source>
        <translation>Nach Blöcken &amp;gruppieren</translation>
    </message>
    <message>
        <source>1 locked layer was left alone</source>
        <translation>1 gesperrte Schicht blieb unverändert</translation>
    </message>
    <message>
        <source>%1 locked layers were left alone</source>
        <translation>%1 gesperrte Schichten blieben unverändert</translation>
    </message>
    <message>
        <source>%1 cannot be written: %2</source>
        <translation>%1 kann nicht geschrieben werden: %2</translation>
    </message>
    <message>
        <source>Save table</source>
        <translation>Tabelle speichern</translation>
    </message>
    <message>
        <source>Comma-separated values (*.csv)</source>
        <translation>Kommagetrennte Werte (*.csv)</translation>
    </message>
    <message>
        <source>The table has been saved as %1</source>
        <translation>Tabelle als %1 gespeichert</translation>
    </message>
    <message>
        <source>As many as fit</source>
        <translation>So viele, wie passen</translation>
    </message>
    <message>
        <source>&amp;Reset columns</source>
        <translation>Spalten &amp;zurücksetzen</translation>
    </message>
    <message>
        <source>&amp;Expand all blocks</source>
        <translation>Alle Blöcke &amp;aufklappen</translation>
    </message>
    <message>
        <source>C&amp;ollapse all blocks</source>
        <translation>Alle Blöcke &amp;zuklappen</translation>
    </message>
    <message>
        <source>Order of the &amp;model</source>
        <translation>&amp;Modellreihenfolge</translation>
    </message>
    <message>
        <source>&amp;Columns</source>
        <translation>&amp;Spalten</translation>
    </message>
    <message>
        <source>R&amp;ules…</source>
        <translation>&amp;Regeln…</translation>
    </message>
    <message>
        <source>Copy &amp;whole table</source>
        <translation>Ganze &amp;Tabelle kopieren</translation>
    </message>
    <message>
        <source>&amp;Save table as CSV…</source>
        <translation>Tabelle als &amp;CSV speichern…</translation>
    </message>
    <message>
        <source>Reset to the recipe's standard</source>
        <translation>Auf Standard des Rezepts zurücksetzen</translation>
    </message>
    <message>
        <source>Unlock</source>
        <translation>Entsperren</translation>
    </message>
    <message>
        <source>Lock</source>
        <translation>Sperren</translation>
    </message>
    <message>
        <source>Select layers of the same role</source>
        <translation>Schichten gleicher Rolle auswählen</translation>
    </message>
    <message>
        <source>Layers whose names differ in numbers only</source>
        <translation>Schichten, deren Namen sich nur in Zahlen unterscheiden</translation>
    </message>
    <message>
        <source>New rule from selection…</source>
        <translation>Neue Regel aus Auswahl…</translation>
    </message>
    <message>
        <source>New rule from filter…</source>
        <translation>Neue Regel aus Filter…</translation>
    </message>
    <message>
        <source>Rules…</source>
        <translation>Regeln…</translation>
    </message>
    <message>
        <source>Copy whole table</source>
        <translation>Ganze Tabelle kopieren</translation>
    </message>
    <message>
        <source>Save table as CSV…</source>
        <translation>Tabelle als CSV speichern…</translation>
    </message>
    <message>
        <source>Columns</source>
        <translation>Spalten</translation>
    </message>
    <message>
        <source>%1 of %2 layers</source>
        <translation>%1 von %2 Schichten</translation>
    </message>
    <message>
        <source>1 layer</source>
        <translation>1 Schicht</translation>
    </message>
    <message>
        <source>%1 layers</source>
        <translation>%1 Schichten</translation>
    </message>
    <message>
        <source>Select layers to set</source>
        <translation>Schichten zum Einstellen wählen</translation>
    </message>
    <message>
        <source>Set for 1 layer</source>
        <translation>Einstellen für 1 Schicht</translation>
    </message>
    <message>
        <source>Set for %1 layers</source>
        <translation>Einstellen für %1 Schichten</translation>
    </message>
</context>
<context>
    <name>gradus::LayerTree</name>
    <message>
        <source>locked</source>
        <translation>gesperrt</translation>
    </message>
    <message>
        <source>not locked</source>
        <translation>nicht gesperrt</translation>
    </message>
    <message>
        <source>Layers outside of any block</source>
        <translation>Schichten außerhalb der Blöcke</translation>
    </message>
    <message>
        <source>block %1: %2</source>
        <translation>Block %1: %2</translation>
    </message>
    <message>
        <source>An edit here is for all layers shown of the block</source>
        <translation>Eine Änderung hier gilt für alle angezeigten Schichten des Blocks</translation>
    </message>
    <message>
        <source>1 layer has a choice of its own
An edit here is for all layers shown of the block</source>
        <translation>1 Schicht hat eine eigene Wahl
Eine Änderung hier gilt für alle angezeigten Schichten des Blocks</translation>
    </message>
    <message>
        <source>%1 layers have a choice of their own
An edit here is for all layers shown of the block</source>
        <translation>%1 Schichten haben eine eigene Wahl
Eine Änderung hier gilt für alle angezeigten Schichten des Blocks</translation>
    </message>
    <message>
        <source>Mean over the weights of the block</source>
        <translation>Mittelwert über die Gewichte des Blocks</translation>
    </message>
    <message>
        <source>Sum over the block</source>
        <translation>Summe über den Block</translation>
    </message>
    <message>
        <source>The lowest of the block</source>
        <translation>Niedrigster Wert des Blocks</translation>
    </message>
    <message>
        <source>The worst of the block</source>
        <translation>Schlechtester Wert des Blocks</translation>
    </message>
    <message>
        <source>Share of all weights of the block</source>
        <translation>Anteil an allen Gewichten des Blocks</translation>
    </message>
    <message>
        <source>%1 of %2 layers are locked</source>
        <translation>%1 von %2 Schichten sind gesperrt</translation>
    </message>
    <message>
        <source>Outside of blocks</source>
        <translation>Außerhalb der Blöcke</translation>
    </message>
    <message>
        <source>Block %1</source>
        <translation>Block %1</translation>
    </message>
    <message>
        <source>%1 · 1 layer</source>
        <translation>%1 · 1 Schicht</translation>
    </message>
    <message>
        <source>%1 · %2 layers</source>
        <translation>%1 · %2 Schichten</translation>
    </message>
    <message>
        <source>mixed</source>
        <translation>gemischt</translation>
    </message>
    <message>
        <source>%1–%2</source>
        <translation>%1–%2</translation>
    </message>
</context>
<context>
    <name>gradus::MainWindow</name>
    <message>
        <source>Weights</source>
        <translation>Gewichte</translation>
    </message>
    <message>
        <source>Channels</source>
        <translation>Kanäle</translation>
    </message>
    <message>
        <source>Exponent</source>
        <translation>Exponent</translation>
    </message>
    <message>
        <source>Layer errors</source>
        <translation>Schichtfehler</translation>
    </message>
    <message>
        <source>Bits map</source>
        <translation>Bitkarte</translation>
    </message>
    <message>
        <source>Method</source>
        <translation>Methode</translation>
    </message>
    <message>
        <source>Run</source>
        <translation>Lauf</translation>
    </message>
    <message>
        <source>Runs</source>
        <translation>Läufe</translation>
    </message>
    <message>
        <source>Comparison</source>
        <translation>Vergleich</translation>
    </message>
    <message>
        <source>Progress</source>
        <translation>Fortschritt</translation>
    </message>
    <message>
        <source>%1…</source>
        <translation>%1…</translation>
    </message>
    <message>
        <source>Locate the model…</source>
        <translation>Modell suchen…</translation>
    </message>
    <message>
        <source>Open it again</source>
        <translation>Erneut öffnen</translation>
    </message>
    <message>
        <source>%1 was interrupted; the layers that it finished are kept.</source>
        <translation>%1 wurde unterbrochen; die fertigen Schichten bleiben erhalten.</translation>
    </message>
    <message>
        <source>Resume</source>
        <translation>Fortsetzen</translation>
    </message>
    <message>
        <source>Open a model or run</source>
        <translation>Modell oder Lauf öffnen</translation>
    </message>
    <message>
        <source>All files (*)</source>
        <translation>Alle Dateien (*)</translation>
    </message>
    <message>
        <source>Select a layer to see the distribution of its weights.</source>
        <translation>Eine Schicht auswählen, um die Verteilung ihrer Gewichte zu sehen.</translation>
    </message>
    <message>
        <source>Select a layer to see the ranges of its channels.</source>
        <translation>Eine Schicht auswählen, um die Bereiche ihrer Kanäle zu sehen.</translation>
    </message>
    <message>
        <source>Select a layer to see its error against the exponent.</source>
        <translation>Eine Schicht auswählen, um ihren Fehler über dem Exponenten zu sehen.</translation>
    </message>
    <message>
        <source>The model cannot be run: %1</source>
        <translation>Das Modell kann nicht ausgeführt werden: %1</translation>
    </message>
    <message>
        <source>Run the recipe (F5)</source>
        <translation>Rezept ausführen (F5)</translation>
    </message>
    <message>
        <source>Stop; finished layers stay (Esc)</source>
        <translation>Abbrechen; fertige Schichten bleiben erhalten (Esc)</translation>
    </message>
    <message>
        <source>Write the shown run as a web page and a table (Ctrl+R)</source>
        <translation>Angezeigten Lauf als Webseite und Tabelle schreiben (Strg+R)</translation>
    </message>
    <message>
        <source>Quantize first</source>
        <translation>Zuerst quantisieren</translation>
    </message>
    <message>
        <source>No model</source>
        <translation>Kein Modell</translation>
    </message>
    <message>
        <source>The recipe quantizes %1 of %2 layers</source>
        <translation>Das Rezept quantisiert %1 von %2 Schichten</translation>
    </message>
    <message>
        <source>   ·   %1 bits/weight</source>
        <translation>   ·   %1 Bit/Gewicht</translation>
    </message>
    <message>
        <source>   ·   %1 quantized + %2 float = %3</source>
        <translation>   ·   %1 quantisiert + %2 float = %3</translation>
    </message>
    <message>
        <source>   (%1 of the file)</source>
        <translation>   (%1 der Datei)</translation>
    </message>
    <message>
        <source>Gradus ended unexpectedly while %1 was open. Its recipe and runs are kept.</source>
        <translation>Gradus wurde unerwartet beendet, während %1 geöffnet war. Rezept und Läufe sind erhalten.</translation>
    </message>
    <message>
        <source>Restore</source>
        <translation>Wiederherstellen</translation>
    </message>
    <message>
        <source>Discard</source>
        <translation>Verwerfen</translation>
    </message>
    <message>
        <source>%1 is still running.</source>
        <translation>%1 läuft noch.</translation>
    </message>
    <message>
        <source>A run has not been saved.</source>
        <translation>Ein Lauf ist nicht gespeichert.</translation>
    </message>
    <message>
        <source>The recipe has changes that are not saved.</source>
        <translation>Das Rezept hat ungespeicherte Änderungen.</translation>
    </message>
    <message>
        <source>What is not saved is lost.</source>
        <translation>Nicht Gespeichertes geht verloren.</translation>
    </message>
    <message>
        <source>Close Gradus</source>
        <translation>Gradus beenden</translation>
    </message>
    <message>
        <source>%1: the folder cannot be made</source>
        <translation>%1: Ordner kann nicht angelegt werden</translation>
    </message>
    <message>
        <source>%1: cannot be written</source>
        <translation>%1: kann nicht geschrieben werden</translation>
    </message>
    <message>
        <source>&amp;File</source>
        <translation>&amp;Datei</translation>
    </message>
    <message>
        <source>Open model &amp;folder…</source>
        <translation>Modell&amp;ordner öffnen…</translation>
    </message>
    <message>
        <source>Open &amp;model file…</source>
        <translation>&amp;Modelldatei öffnen…</translation>
    </message>
    <message>
        <source>Open a model file</source>
        <translation>Modelldatei öffnen</translation>
    </message>
    <message>
        <source>Open r&amp;un…</source>
        <translation>&amp;Lauf öffnen…</translation>
    </message>
    <message>
        <source>Open a run</source>
        <translation>Lauf öffnen</translation>
    </message>
    <message>
        <source>Runs (*.gradus *.h5)</source>
        <translation>Läufe (*.gradus *.h5)</translation>
    </message>
    <message>
        <source>Recent &amp;files</source>
        <translation>&amp;Zuletzt geöffnet</translation>
    </message>
    <message>
        <source>&amp;Import recipe…</source>
        <translation>Rezept &amp;importieren…</translation>
    </message>
    <message>
        <source>Import a recipe</source>
        <translation>Rezept importieren</translation>
    </message>
    <message>
        <source>Recipes (*.json)</source>
        <translation>Rezepte (*.json)</translation>
    </message>
    <message>
        <source>&amp;Save recipe</source>
        <translation>Rezept &amp;speichern</translation>
    </message>
    <message>
        <source>Save recipe &amp;as…</source>
        <translation>Rezept speichern &amp;unter…</translation>
    </message>
    <message>
        <source>Save ru&amp;n…</source>
        <translation>Lauf s&amp;peichern…</translation>
    </message>
    <message>
        <source>&amp;Export</source>
        <translation>&amp;Export</translation>
    </message>
    <message>
        <source>&amp;Report…</source>
        <translation>Be&amp;richt…</translation>
    </message>
    <message>
        <source>&amp;Close model</source>
        <translation>Modell s&amp;chließen</translation>
    </message>
    <message>
        <source>Close the model</source>
        <translation>Modell schließen</translation>
    </message>
    <message>
        <source>&amp;Quit</source>
        <translation>&amp;Beenden</translation>
    </message>
    <message>
        <source>&amp;Edit</source>
        <translation>&amp;Bearbeiten</translation>
    </message>
    <message>
        <source>&amp;Undo</source>
        <translation>&amp;Rückgängig</translation>
    </message>
    <message>
        <source>Undo</source>
        <translation>Rückgängig</translation>
    </message>
    <message>
        <source>&amp;Redo</source>
        <translation>&amp;Wiederholen</translation>
    </message>
    <message>
        <source>Redo</source>
        <translation>Wiederholen</translation>
    </message>
    <message>
        <source>&amp;Find layers</source>
        <translation>Schichten &amp;suchen</translation>
    </message>
    <message>
        <source>Edit &amp;standard method</source>
        <translation>Standard&amp;methode bearbeiten</translation>
    </message>
    <message>
        <source>Ru&amp;les…</source>
        <translation>Re&amp;geln…</translation>
    </message>
    <message>
        <source>Copy as &amp;command</source>
        <translation>Als &amp;Befehl kopieren</translation>
    </message>
    <message>
        <source>The gradus-cli line that does what is on screen</source>
        <translation>Befehlszeile für gradus-cli, die dem Angezeigten entspricht</translation>
    </message>
    <message>
        <source>&amp;Run</source>
        <translation>&amp;Lauf</translation>
    </message>
    <message>
        <source>&amp;Quantize</source>
        <translation>&amp;Quantisieren</translation>
    </message>
    <message>
        <source>Quantize se&amp;lected layers</source>
        <translation>Aus&amp;gewählte Schichten quantisieren</translation>
    </message>
    <message>
        <source>Quantize what is s&amp;tale</source>
        <translation>&amp;Veraltete Schichten quantisieren</translation>
    </message>
    <message>
        <source>&amp;Cancel</source>
        <translation>&amp;Abbrechen</translation>
    </message>
    <message>
        <source>Capture &amp;activations</source>
        <translation>Aktivierungen &amp;erfassen</translation>
    </message>
    <message>
        <source>&amp;View</source>
        <translation>&amp;Ansicht</translation>
    </message>
    <message>
        <source>&amp;Layout</source>
        <translation>An&amp;ordnung</translation>
    </message>
    <message>
        <source>&amp;Explore a layer</source>
        <translation>Schicht &amp;erkunden</translation>
    </message>
    <message>
        <source>&amp;Compare runs</source>
        <translation>Läufe &amp;vergleichen</translation>
    </message>
    <message>
        <source>&amp;Whole model</source>
        <translation>&amp;Ganzes Modell</translation>
    </message>
    <message>
        <source>&amp;Reset</source>
        <translation>&amp;Zurücksetzen</translation>
    </message>
    <message>
        <source>Logarithmic &amp;counts</source>
        <translation>&amp;Logarithmische Anzahlen</translation>
    </message>
    <message>
        <source>&amp;Full screen</source>
        <translation>&amp;Vollbild</translation>
    </message>
    <message>
        <source>&amp;Theme</source>
        <translation>&amp;Farbschema</translation>
    </message>
    <message>
        <source>&amp;System</source>
        <translation>&amp;System</translation>
    </message>
    <message>
        <source>&amp;Light</source>
        <translation>&amp;Hell</translation>
    </message>
    <message>
        <source>&amp;Dark</source>
        <translation>&amp;Dunkel</translation>
    </message>
    <message>
        <source>Lan&amp;guage</source>
        <translation>&amp;Sprache</translation>
    </message>
    <message>
        <source>As the desktop</source>
        <translation>Wie der Desktop</translation>
    </message>
    <message>
        <source>The language changes with the next start.</source>
        <translation>Die Sprache ändert sich beim nächsten Start.</translation>
    </message>
    <message>
        <source>&amp;Help</source>
        <translation>&amp;Hilfe</translation>
    </message>
    <message>
        <source>User &amp;guide</source>
        <translation>&amp;Benutzerhandbuch</translation>
    </message>
    <message>
        <source>&amp;Keyboard shortcuts</source>
        <translation>&amp;Tastenkürzel</translation>
    </message>
    <message>
        <source>&amp;About Gradus</source>
        <translation>&amp;Über Gradus</translation>
    </message>
    <message>
        <source>About &amp;Qt</source>
        <translation>Über &amp;Qt</translation>
    </message>
    <message>
        <source>Tools</source>
        <translation>Werkzeuge</translation>
    </message>
    <message>
        <source>Open</source>
        <translation>Öffnen</translation>
    </message>
    <message>
        <source>More</source>
        <translation>Mehr</translation>
    </message>
    <message>
        <source>Export</source>
        <translation>Export</translation>
    </message>
    <message>
        <source>Open a model folder</source>
        <translation>Modellordner öffnen</translation>
    </message>
    <message>
        <source>Where is the model of %1?</source>
        <translation>Wo ist das Modell von %1?</translation>
    </message>
    <message>
        <source>Save the recipe</source>
        <translation>Rezept speichern</translation>
    </message>
    <message>
        <source>Save the run</source>
        <translation>Lauf speichern</translation>
    </message>
    <message>
        <source>Runs (*.gradus)</source>
        <translation>Läufe (*.gradus)</translation>
    </message>
    <message>
        <source>Write a report</source>
        <translation>Bericht schreiben</translation>
    </message>
    <message>
        <source>Web pages (*.html)</source>
        <translation>Webseiten (*.html)</translation>
    </message>
    <message>
        <source>Copied the command line for this recipe</source>
        <translation>Befehlszeile für dieses Rezept kopiert</translation>
    </message>
    <message>
        <source>About Gradus</source>
        <translation>Über Gradus</translation>
    </message>
    <message>
        <source>A workbench for post-training quantization.</source>
        <translation>Eine Werkbank für Post-Training-Quantisierung.</translation>
    </message>
    <message>
        <source>Free software under the GNU General Public License, version 3 or (at your option) any later version. It comes with no warranty.</source>
        <translation>Freie Software unter der GNU General Public License, Version 3 oder (nach Wahl) jeder späteren Version. Ohne jede Gewährleistung.</translation>
    </message>
    <message>
        <source>Clear the list</source>
        <translation>Liste leeren</translation>
    </message>
    <message>
        <source>Open another model</source>
        <translation>Ein anderes Modell öffnen</translation>
    </message>
    <message>
        <source>Models (*.safetensors *.bin *.onnx *.h5 *.json)</source>
        <translation>Modelle (*.safetensors *.bin *.onnx *.h5 *.json)</translation>
    </message>
    <message>
        <source>Select a layer to see how its error fell from step to step.</source>
        <translation>Eine Schicht wählen, um zu sehen, wie ihr Fehler von Schritt zu Schritt fiel.</translation>
    </message>
    <message>
        <source>%1 has not been computed yet: choose decoupleQ or NUPES as its method and run the recipe.</source>
        <translation>%1 wurde noch nicht berechnet: decoupleQ oder NUPES als Methode wählen und das Rezept ausführen.</translation>
    </message>
    <message>
        <source>The shown run has no steps of %1: its method goes in one step. Choose decoupleQ or NUPES as its method and run the recipe.</source>
        <translation>Der gezeigte Lauf hat keine Schritte von %1: Die Methode geht in einem Schritt. decoupleQ oder NUPES als Methode wählen und das Rezept ausführen.</translation>
    </message>
    <message>
        <source>exponent %1 of %2</source>
        <translation>Exponent %1 von %2</translation>
    </message>
    <message>
        <source>searched exponent of %1</source>
        <translation>gesuchter Exponent von %1</translation>
    </message>
    <message>
        <source>Select a layer to see where its gain comes from.</source>
        <translation>Eine Schicht wählen, um zu sehen, woher ihr Gewinn kommt.</translation>
    </message>
    <message>
        <source>The shown run has no steps of a power grid for %1: choose PowerQuant or NUPES as its method and run the recipe.</source>
        <translation>Der gezeigte Lauf hat keine Schritte eines Potenzgitters für %1: PowerQuant oder NUPES als Methode wählen und das Rezept ausführen.</translation>
    </message>
    <message>
        <source>Steps</source>
        <translation>Schritte</translation>
    </message>
    <message>
        <source>Models and runs (*.safetensors *.gguf *.bin *.onnx *.keras *.h5 *.index.json *.gradus)</source>
        <translation>Modelle und Läufe (*.safetensors *.gguf *.bin *.onnx *.keras *.h5 *.index.json *.gradus)</translation>
    </message>
    <message>
        <source>%1 · %2 · %3 · %4 parameters · %5</source>
        <translation>%1 · %2 · %3 · %4 Parameter · %5</translation>
    </message>
    <message>
        <source>Measure out&amp;puts…</source>
        <translation>Ausgaben &amp;messen…</translation>
    </message>
    <message>
        <source>Models (*.safetensors *.gguf *.bin *.onnx *.keras *.h5 *.index.json)</source>
        <translation>Modelle (*.safetensors *.gguf *.bin *.onnx *.keras *.h5 *.index.json)</translation>
    </message>
    <message>
        <source>About the &amp;model…</source>
        <translation>Über das &amp;Modell…</translation>
    </message>
    <message>
        <source>About the model</source>
        <translation>Über das Modell</translation>
    </message>
    <message>
        <source>The steps of %1 have errors of the weights only: there was no calibration data. What they gained is in the panel Exponent.</source>
        <translation>Die Schritte von %1 haben nur Fehler der Gewichte: es gab keine Kalibrierdaten. Was sie gewannen, steht im Feld Exponent.</translation>
    </message>
    <message>
        <source>Open a model first</source>
        <translation>Zuerst ein Modell öffnen</translation>
    </message>
    <message>
        <source>Fold &amp;batch norms</source>
        <translation>&amp;Batch-Norms falten</translation>
    </message>
    <message>
        <source>Activations</source>
        <translation>Aktivierungen</translation>
    </message>
    <message>
        <source>Allocation</source>
        <translation>Zuteilung</translation>
    </message>
    <message>
        <source>Copied the command line for this allocation</source>
        <translation>Die Befehlszeile für diese Zuteilung wurde kopiert</translation>
    </message>
    <message>
        <source>Save the table of sensitivities</source>
        <translation>Tabelle der Empfindlichkeiten speichern</translation>
    </message>
    <message>
        <source>Tables (*.csv)</source>
        <translation>Tabellen (*.csv)</translation>
    </message>
    <message>
        <source>The model cannot be run.</source>
        <translation>Das Modell kann nicht ausgeführt werden.</translation>
    </message>
    <message>
        <source>There is no calibration data: choose some in the panel Run.</source>
        <translation>Es gibt keine Kalibrierdaten: im Bereich Lauf welche wählen.</translation>
    </message>
    <message>
        <source>Allocate &amp;bits…</source>
        <translation>&amp;Bits zuteilen…</translation>
    </message>
    <message>
        <source>Choose every layer's bits under a budget</source>
        <translation>Die Bits jeder Schicht unter einem Budget wählen</translation>
    </message>
</context>
<context>
    <name>gradus::MessageBar</name>
    <message>
        <source>Dismiss</source>
        <translation>Schließen</translation>
    </message>
</context>
<context>
    <name>gradus::MethodPanel</name>
    <message>
        <source>Method</source>
        <translation>Methode</translation>
    </message>
    <message>
        <source>How the codes are chosen</source>
        <translation>Wie die Codes gewählt werden</translation>
    </message>
    <message>
        <source>Bits</source>
        <translation>Bits</translation>
    </message>
    <message>
        <source>Bits of a code; float keeps the layer as it is</source>
        <translation>Bits eines Codes; float lässt die Schicht unverändert</translation>
    </message>
    <message>
        <source>Group</source>
        <translation>Gruppe</translation>
    </message>
    <message>
        <source>Consecutive inputs that share a scale: a whole channel, the whole tensor, or a number</source>
        <translation>Aufeinanderfolgende Eingaben, die sich eine Skala teilen: ein ganzer Kanal, der ganze Tensor oder eine Anzahl</translation>
    </message>
    <message>
        <source>Symmetry</source>
        <translation>Symmetrie</translation>
    </message>
    <message>
        <source>Symmetric: the zero stands in the middle, is not stored</source>
        <translation>Symmetrisch: Der Nullpunkt liegt in der Mitte und wird nicht gespeichert</translation>
    </message>
    <message>
        <source>Scales</source>
        <translation>Skalen</translation>
    </message>
    <message>
        <source>Type in which scales are stored</source>
        <translation>Typ, in dem Skalen gespeichert werden</translation>
    </message>
    <message>
        <source>Selected layers</source>
        <translation>Ausgewählte Schichten</translation>
    </message>
    <message>
        <source>Standard</source>
        <translation>Standard</translation>
    </message>
    <message>
        <source>The choice of the selected layers</source>
        <translation>Wahl der ausgewählten Schichten</translation>
    </message>
    <message>
        <source>What every layer takes that has no choice of its own</source>
        <translation>Gilt für jede Schicht ohne eigene Wahl</translation>
    </message>
    <message>
        <source>Reset</source>
        <translation>Zurücksetzen</translation>
    </message>
    <message>
        <source>Back to what the recipe's rules and standard say</source>
        <translation>Auf Regeln und Standard des Rezepts zurücksetzen</translation>
    </message>
    <message>
        <source>Layers without a choice of their own</source>
        <translation>Schichten ohne eigene Wahl</translation>
    </message>
    <message>
        <source>No layer selected</source>
        <translation>Keine Schicht ausgewählt</translation>
    </message>
    <message>
        <source>%1 layers</source>
        <translation>%1 Schichten</translation>
    </message>
    <message>
        <source>mixed</source>
        <translation>gemischt</translation>
    </message>
    <message>
        <source>Stays in the source's own type.</source>
        <translation>Bleibt im Typ der Quelle.</translation>
    </message>
    <message>
        <source>Select layers in the table, or edit the standard.</source>
        <translation>Schichten in der Tabelle auswählen oder den Standard bearbeiten.</translation>
    </message>
    <message>
        <source>%1 as standard</source>
        <translation>%1 als Standard</translation>
    </message>
    <message>
        <source>%1 of %2</source>
        <translation>%1 für %2</translation>
    </message>
    <message>
        <source>Exponent</source>
        <translation>Exponent</translation>
    </message>
    <message>
        <source>Searched for the inputs alone; the weights' own exponent, found for both, which integer tables need; ½ or 1, which integers compute exactly</source>
        <translation>Für die Eingaben allein gesucht; der Exponent der Gewichte, für beide gefunden, den ganzzahlige Tabellen brauchen; ½ oder 1, mit denen ganze Zahlen exakt rechnen</translation>
    </message>
    <message>
        <source>Limit</source>
        <translation>Grenze</translation>
    </message>
    <message>
        <source>Value of the largest code: that of the least squared error, or the largest magnitude seen. What lies beyond saturates.</source>
        <translation>Wert des größten Codes: der mit dem kleinsten quadratischen Fehler oder der größte gesehene Betrag. Was darüber liegt, wird begrenzt.</translation>
    </message>
    <message>
        <source>Shift</source>
        <translation>Verschiebung</translation>
    </message>
    <message>
        <source>Inputs with small negative parts, as SiLU and GELU have them, are moved up so that all codes are for positive values</source>
        <translation>Eingaben mit kleinen negativen Anteilen, wie bei SiLU und GELU, werden nach oben verschoben, sodass alle Codes für positive Werte da sind</translation>
    </message>
    <message>
        <source>Inputs of the layer</source>
        <translation>Eingaben der Schicht</translation>
    </message>
    <message>
        <source>%1 of the inputs</source>
        <translation>%1 der Eingaben</translation>
    </message>
    <message>
        <source>%1 Power grids are symmetric: they have no zero point, whatever the scheme says.</source>
        <translation>%1 Potenzgitter sind symmetrisch: Sie haben keinen Nullpunkt, was auch immer das Schema sagt.</translation>
    </message>
    <message>
        <source>Bits of the layer's inputs, its activations; float leaves them as they are. Needs calibration.</source>
        <translation>Bits der Eingaben der Schicht, ihrer Aktivierungen; float lässt sie, wie sie sind. Braucht Kalibrierung.</translation>
    </message>
    <message>
        <source>Quantizer</source>
        <translation>Quantisierer</translation>
    </message>
    <message>
        <source>A power grid of the inputs' own, or an evenly spaced one with a zero point. The method's is uniform for static methods such as RepQuant, power for all others.</source>
        <translation>Ein Potenzgitter der Eingaben selbst oder ein gleichförmiges mit Nullpunkt. Das der Methode ist gleichförmig bei statischen Methoden wie RepQuant, sonst ein Potenzgitter.</translation>
    </message>
    <message>
        <source>Range</source>
        <translation>Bereich</translation>
    </message>
    <message>
        <source>From the smallest to the largest input; between the percentiles of least squared error; or shrunk to the least squared error. What lies beyond saturates.</source>
        <translation>Von der kleinsten bis zur größten Eingabe; zwischen den Perzentilen mit dem kleinsten quadratischen Fehler; oder verengt auf den kleinsten quadratischen Fehler. Was darüber hinausgeht, wird gesättigt.</translation>
    </message>
    <message>
        <source>Granularity</source>
        <translation>Granularität</translation>
    </message>
    <message>
        <source>One scale for all inputs of the layer, or one for each channel of a norm's outputs: the norm and the layers that read it are changed so that the layer still has one. Without a norm before it: one for all.</source>
        <translation>Eine Skala für alle Eingaben der Schicht oder eine für jeden Kanal der Ausgaben einer Norm: Die Norm und die Schichten, die sie lesen, werden so geändert, dass die Schicht weiterhin eine hat. Ohne Norm davor: eine für alle.</translation>
    </message>
    <message>
        <source>q, k, v</source>
        <translation>q, k, v</translation>
    </message>
    <message>
        <source>Bits of queries, keys and values of the attention that the layer reads</source>
        <translation>Bits von Queries, Keys und Values der Attention, die die Schicht liest</translation>
    </message>
    <message>
        <source>Softmax</source>
        <translation>Softmax</translation>
    </message>
    <message>
        <source>Bits of the probabilities that the softmax of the attention puts out</source>
        <translation>Bits der Wahrscheinlichkeiten, die das Softmax der Attention ausgibt</translation>
    </message>
    <message>
        <source>Levels</source>
        <translation>Stufen</translation>
    </message>
    <message>
        <source>Levels of the probabilities: powers of √½, powers of ½, or evenly spaced ones</source>
        <translation>Stufen der Wahrscheinlichkeiten: Potenzen von √½, Potenzen von ½ oder gleichförmige</translation>
    </message>
    <message>
        <source>Attention before the layer</source>
        <translation>Attention vor der Schicht</translation>
    </message>
    <message>
        <source>%1 of the attention</source>
        <translation>%1 der Attention</translation>
    </message>
</context>
<context>
    <name>gradus::NumberEdit</name>
    <message>
        <source>%1 is not possible: a number from %2 to %3 is expected.</source>
        <translation>%1 ist nicht möglich: Erwartet wird eine Zahl von %2 bis %3.</translation>
    </message>
    <message>
        <source>%1 is not possible: a number from %2 to %3, or 0, is expected.</source>
        <translation>%1 ist nicht möglich: Erwartet wird eine Zahl von %2 bis %3 oder 0.</translation>
    </message>
</context>
<context>
    <name>gradus::OptionCurvePlot</name>
    <message>
        <source>Candidates of the selected layer</source>
        <translation>Kandidaten der ausgewählten Schicht</translation>
    </message>
    <message>
        <source>Candidates</source>
        <translation>Kandidaten</translation>
    </message>
    <message>
        <source>Never the best</source>
        <translation>Nie der beste</translation>
    </message>
    <message>
        <source>Chosen</source>
        <translation>Gewählt</translation>
    </message>
    <message>
        <source>size (KiB)</source>
        <translation>Größe (KiB)</translation>
    </message>
    <message>
        <source>%1 candidates</source>
        <translation>%1 Kandidaten</translation>
    </message>
    <message>
        <source>%1 bits: %2, error %3 %4</source>
        <translation>%1 Bit: %2, Fehler %3 %4</translation>
    </message>
</context>
<context>
    <name>gradus::OptionForm</name>
    <message>
        <source>%1: on</source>
        <translation>%1: an</translation>
    </message>
    <message>
        <source>%1: off</source>
        <translation>%1: aus</translation>
    </message>
    <message>
        <source>Shows or hides these options</source>
        <translation>Zeigt oder verbirgt diese Optionen</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation>%1: %2</translation>
    </message>
    <message>
        <source>shown</source>
        <translation>gezeigt</translation>
    </message>
    <message>
        <source>hidden</source>
        <translation>verborgen</translation>
    </message>
    <message>
        <source>searched</source>
        <translation>gesucht</translation>
    </message>
</context>
<context>
    <name>gradus::PlotView</name>
    <message>
        <source>Show all</source>
        <translation>Alles anzeigen</translation>
    </message>
    <message>
        <source>Copy image</source>
        <translation>Bild kopieren</translation>
    </message>
    <message>
        <source>Copy data as CSV</source>
        <translation>Daten als CSV kopieren</translation>
    </message>
    <message>
        <source>Save as PNG, SVG, PDF or CSV…</source>
        <translation>Als PNG, SVG, PDF oder CSV speichern…</translation>
    </message>
    <message>
        <source>Save the plot</source>
        <translation>Diagramm speichern</translation>
    </message>
    <message>
        <source>Image (*.png)</source>
        <translation>Bild (*.png)</translation>
    </message>
    <message>
        <source>Drawing (*.svg)</source>
        <translation>Zeichnung (*.svg)</translation>
    </message>
    <message>
        <source>Document (*.pdf)</source>
        <translation>Dokument (*.pdf)</translation>
    </message>
    <message>
        <source>Table (*.csv)</source>
        <translation>Tabelle (*.csv)</translation>
    </message>
    <message>
        <source>%1: the extension is "%2", expected png, svg, pdf or csv</source>
        <translation>%1: Die Endung ist „%2“, erwartet wird png, svg, pdf oder csv</translation>
    </message>
    <message>
        <source>%1 cannot be written</source>
        <translation>%1 kann nicht geschrieben werden</translation>
    </message>
    <message>
        <source>Copy visible data as CSV</source>
        <translation>Sichtbare Daten als CSV kopieren</translation>
    </message>
    <message>
        <source>Table of the visible part (*.csv)</source>
        <translation>Tabelle des sichtbaren Teils (*.csv)</translation>
    </message>
</context>
<context>
    <name>gradus::PowerGridPlot</name>
    <message>
        <source>Power grid over the weights</source>
        <translation>Potenzgitter über den Gewichten</translation>
    </message>
    <message>
        <source>Original</source>
        <translation>Original</translation>
    </message>
    <message>
        <source>On the power grid</source>
        <translation>Auf dem Potenzgitter</translation>
    </message>
    <message>
        <source>weight</source>
        <translation>Gewicht</translation>
    </message>
    <message>
        <source>weights per bin</source>
        <translation>Gewichte je Klasse</translation>
    </message>
    <message>
        <source>On the power grid, a = %1</source>
        <translation>Auf dem Potenzgitter, a = %1</translation>
    </message>
    <message>
        <source>Levels (%1, first group)</source>
        <translation>Stufen (%1, erste Gruppe)</translation>
    </message>
    <message>
        <source>power grid</source>
        <translation>Potenzgitter</translation>
    </message>
    <message>
        <source>weight %1</source>
        <translation>Gewicht %1</translation>
    </message>
    <message>
        <source>original %1</source>
        <translation>Original %1</translation>
    </message>
    <message>
        <source>on the grid %1</source>
        <translation>auf dem Gitter %1</translation>
    </message>
</context>
<context>
    <name>gradus::ProbabilityPlot</name>
    <message>
        <source>Distribution of the softmax probabilities</source>
        <translation>Verteilung der Softmax-Wahrscheinlichkeiten</translation>
    </message>
    <message>
        <source>probabilities</source>
        <translation>Wahrscheinlichkeiten</translation>
    </message>
    <message>
        <source>from here on 0</source>
        <translation>von hier an 0</translation>
    </message>
    <message>
        <source>count</source>
        <translation>Anzahl</translation>
    </message>
    <message>
        <source>−log₂ p, octaves below probability 1; the last bar is all beyond</source>
        <translation>−log₂ p, Oktaven unter Wahrscheinlichkeit 1; der letzte Balken ist alles Weitere</translation>
    </message>
    <message>
        <source>levels of %1</source>
        <translation>Stufen von %1</translation>
    </message>
    <message>
        <source>float · exactly 0: %1</source>
        <translation>float · genau 0: %1</translation>
    </message>
    <message>
        <source>%1, %2 bit · exactly 0: %3 · below the last level: %4</source>
        <translation>%1, %2 Bit · genau 0: %3 · unter der letzten Stufe: %4</translation>
    </message>
    <message>
        <source>%1, %2 bit · exactly 0: %3 · nothing becomes 0</source>
        <translation>%1, %2 Bit · genau 0: %3 · nichts wird 0</translation>
    </message>
    <message>
        <source>Logarithmic counts</source>
        <translation>Logarithmische Anzahlen</translation>
    </message>
    <message>
        <source>%1 softmax</source>
        <translation>%1 Softmax</translation>
    </message>
    <message>
        <source>p up to %1</source>
        <translation>p bis %1</translation>
    </message>
    <message>
        <source>p from %1 to %2</source>
        <translation>p von %1 bis %2</translation>
    </message>
    <message>
        <source>%1 of them, %2</source>
        <translation>%1 davon, %2</translation>
    </message>
    <message>
        <source>%1: becomes 0</source>
        <translation>%1: wird 0</translation>
    </message>
    <message>
        <source>%1: becomes about %2</source>
        <translation>%1: wird etwa %2</translation>
    </message>
    <message>
        <source>from %1 on: %2 ▸</source>
        <translation>ab %1: %2 ▸</translation>
    </message>
</context>
<context>
    <name>gradus::RuleDialog</name>
    <message>
        <source>1 layer</source>
        <translation>1 Schicht</translation>
    </message>
    <message>
        <source>%1 layers</source>
        <translation>%1 Schichten</translation>
    </message>
    <message>
        <source>New rule</source>
        <translation>Neue Regel</translation>
    </message>
    <message>
        <source>The rule goes before all others: layers that it matches get its choice, unless they have one of their own.</source>
        <translation>Die Regel steht vor allen anderen: Schichten, auf die sie passt, erhalten ihre Wahl, sofern sie keine eigene haben.</translation>
    </message>
    <message>
        <source>Layers that match</source>
        <translation>Passende Schichten</translation>
    </message>
    <message>
        <source>Add rule</source>
        <translation>Regel hinzufügen</translation>
    </message>
    <message>
        <source>Type a pattern</source>
        <translation>Muster eingeben</translation>
    </message>
    <message>
        <source>Matches %1</source>
        <translation>Passt auf %1</translation>
    </message>
    <message>
        <source>%1 (has a choice of its own)</source>
        <translation>%1 (hat eine eigene Wahl)</translation>
    </message>
    <message>
        <source>&amp;Clear the choice of its own of 1 layer</source>
        <translation>&amp;Eigene Wahl von 1 Schicht löschen</translation>
    </message>
    <message>
        <source>&amp;Clear the choices of their own of %1 layers</source>
        <translation>&amp;Eigene Wahl von %1 Schichten löschen</translation>
    </message>
    <message>
        <source>rule for %1</source>
        <translation>Regel für %1</translation>
    </message>
</context>
<context>
    <name>gradus::RuleForm</name>
    <message>
        <source>A regular expression that is looked for in the layer's name (PCRE2 syntax); letter case counts</source>
        <translation>Regulärer Ausdruck, der im Namen der Schicht gesucht wird (PCRE2-Syntax); Groß- und Kleinschreibung zählt</translation>
    </message>
    <message>
        <source>&amp;Pattern</source>
        <translation>&amp;Muster</translation>
    </message>
    <message>
        <source>Method</source>
        <translation>Methode</translation>
    </message>
    <message>
        <source>Bits</source>
        <translation>Bits</translation>
    </message>
    <message>
        <source>Group</source>
        <translation>Gruppe</translation>
    </message>
    <message>
        <source>Symmetry</source>
        <translation>Symmetrie</translation>
    </message>
    <message>
        <source>Choice</source>
        <translation>Wahl</translation>
    </message>
</context>
<context>
    <name>gradus::RulesDialog</name>
    <message>
        <source>Rules</source>
        <translation>Regeln</translation>
    </message>
    <message>
        <source>The first rule whose pattern is found in a layer's name decides. A layer with a choice of its own is not reached; one that no rule matches gets the standard.</source>
        <translation>Es entscheidet die erste Regel, deren Muster im Namen einer Schicht vorkommt. Eine Schicht mit eigener Wahl bleibt davon unberührt; eine Schicht, auf die keine Regel passt, erhält den Standard.</translation>
    </message>
    <message>
        <source>#</source>
        <translation>#</translation>
    </message>
    <message>
        <source>Pattern</source>
        <translation>Muster</translation>
    </message>
    <message>
        <source>Choice</source>
        <translation>Wahl</translation>
    </message>
    <message>
        <source>Layers</source>
        <translation>Schichten</translation>
    </message>
    <message>
        <source>Layers that the rule decides, of those that its pattern is found in</source>
        <translation>Schichten, über die die Regel entscheidet, von denen, in deren Namen ihr Muster vorkommt</translation>
    </message>
    <message>
        <source>&amp;Add</source>
        <translation>&amp;Hinzufügen</translation>
    </message>
    <message>
        <source>A new rule at the end</source>
        <translation>Neue Regel am Ende</translation>
    </message>
    <message>
        <source>&amp;Delete</source>
        <translation>&amp;Löschen</translation>
    </message>
    <message>
        <source>Remove the selected rule</source>
        <translation>Ausgewählte Regel entfernen</translation>
    </message>
    <message>
        <source>Move &amp;up</source>
        <translation>Nach o&amp;ben</translation>
    </message>
    <message>
        <source>Let the selected rule decide earlier</source>
        <translation>Ausgewählte Regel früher entscheiden lassen</translation>
    </message>
    <message>
        <source>Move do&amp;wn</source>
        <translation>Nach &amp;unten</translation>
    </message>
    <message>
        <source>Let the selected rule decide later</source>
        <translation>Ausgewählte Regel später entscheiden lassen</translation>
    </message>
    <message>
        <source>No rules yet: every layer gets the standard. Add one, or select layers in the table and choose “New rule from selection…”.</source>
        <translation>Noch keine Regeln: Jede Schicht erhält den Standard. Eine Regel hinzufügen oder Schichten in der Tabelle auswählen und „Neue Regel aus Auswahl…“ wählen.</translation>
    </message>
    <message>
        <source>The pattern is empty</source>
        <translation>Das Muster ist leer</translation>
    </message>
    <message>
        <source>%1 of %2</source>
        <translation>%1 von %2</translation>
    </message>
    <message>
        <source>Decides %1</source>
        <translation>Entscheidet über %1</translation>
    </message>
    <message>
        <source>Found in %1, decides %2; the others have an earlier rule or a choice of their own</source>
        <translation>Gefunden in %1, entscheidet über %2; die übrigen haben eine frühere Regel oder eine eigene Wahl</translation>
    </message>
    <message>
        <source>rules</source>
        <translation>Regeln</translation>
    </message>
</context>
<context>
    <name>gradus::RunComparison</name>
    <message>
        <source>Differences between two runs</source>
        <translation>Unterschiede zwischen zwei Läufen</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>Kopieren</translation>
    </message>
    <message>
        <source>Only layers that &amp;differ</source>
        <translation>Nur &amp;abweichende Schichten</translation>
    </message>
    <message>
        <source>Copy the table, with tabs between cells</source>
        <translation>Tabelle kopieren, mit Tabulatoren zwischen den Zellen</translation>
    </message>
    <message>
        <source>Save CSV…</source>
        <translation>CSV speichern…</translation>
    </message>
    <message>
        <source>Save the table as comma-separated values</source>
        <translation>Tabelle als kommagetrennte Werte speichern</translation>
    </message>
    <message>
        <source>%1 bits/weight</source>
        <translation>%1 Bit/Gewicht</translation>
    </message>
    <message>
        <source>cancelled</source>
        <translation>abgebrochen</translation>
    </message>
    <message>
        <source>Run the recipe first. A second run can then be compared with it.</source>
        <translation>Zuerst das Rezept ausführen. Ein zweiter Lauf kann dann damit verglichen werden.</translation>
    </message>
    <message>
        <source>Choose a run to compare with: tick B in the list of runs.</source>
        <translation>Lauf zum Vergleichen wählen: B in der Liste der Läufe ankreuzen.</translation>
    </message>
    <message>
        <source>A: %1</source>
        <translation>A: %1</translation>
    </message>
    <message>
        <source>B: %1</source>
        <translation>B: %1</translation>
    </message>
    <message>
        <source>%1 cannot be written</source>
        <translation>%1 kann nicht geschrieben werden</translation>
    </message>
    <message>
        <source>Save the comparison</source>
        <translation>Vergleich speichern</translation>
    </message>
    <message>
        <source>Table (*.csv)</source>
        <translation>Tabelle (*.csv)</translation>
    </message>
    <message>
        <source>Copy as table</source>
        <translation>Als Tabelle kopieren</translation>
    </message>
    <message>
        <source>Largest change first</source>
        <translation>Größte Änderung zuerst</translation>
    </message>
    <message>
        <source>Show all layers</source>
        <translation>Alle Schichten anzeigen</translation>
    </message>
    <message>
        <source>Show only layers that differ</source>
        <translation>Nur abweichende Schichten anzeigen</translation>
    </message>
</context>
<context>
    <name>gradus::RunPanel</name>
    <message>
        <source>%1 s</source>
        <translation>%1 s</translation>
    </message>
    <message>
        <source>about %1 left</source>
        <translation>noch etwa %1</translation>
    </message>
    <message>
        <source>Reading</source>
        <translation>Lesen</translation>
    </message>
    <message>
        <source>Calibration passes</source>
        <translation>Kalibrierdurchläufe</translation>
    </message>
    <message>
        <source>Hessians</source>
        <translation>Hesse-Matrizen</translation>
    </message>
    <message>
        <source>Solving</source>
        <translation>Lösen</translation>
    </message>
    <message>
        <source>Measuring errors</source>
        <translation>Fehlermessung</translation>
    </message>
    <message>
        <source>Writing</source>
        <translation>Schreiben</translation>
    </message>
    <message>
        <source>none: data-free methods only</source>
        <translation>nur datenfreie Methoden</translation>
    </message>
    <message>
        <source>Browse…</source>
        <translation>Durchsuchen…</translation>
    </message>
    <message>
        <source>Windows of tokens taken from the text</source>
        <translation>Dem Text entnommene Tokenfenster</translation>
    </message>
    <message>
        <source>Tokens per window</source>
        <translation>Token je Fenster</translation>
    </message>
    <message>
        <source>Sequential</source>
        <translation>Sequenziell</translation>
    </message>
    <message>
        <source>Float model</source>
        <translation>float-Modell</translation>
    </message>
    <message>
        <source>Chooses the calibration windows; equal seeds give equal bytes</source>
        <translation>Bestimmt die Kalibrierfenster; gleiche Startwerte ergeben gleiche Bytes</translation>
    </message>
    <message>
        <source>Calibration</source>
        <translation>Kalibrierung</translation>
    </message>
    <message>
        <source>Samples</source>
        <translation>Stichproben</translation>
    </message>
    <message>
        <source>Context</source>
        <translation>Kontext</translation>
    </message>
    <message>
        <source>Mode</source>
        <translation>Modus</translation>
    </message>
    <message>
        <source>Seed</source>
        <translation>Startwert</translation>
    </message>
    <message>
        <source>Quantize</source>
        <translation>Quantisieren</translation>
    </message>
    <message>
        <source>Run the recipe (F5)</source>
        <translation>Rezept ausführen (F5)</translation>
    </message>
    <message>
        <source>Stale (%1)</source>
        <translation>Veraltet (%1)</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Stop; finished layers stay (Esc)</source>
        <translation>Abbrechen; fertige Schichten bleiben erhalten (Esc)</translation>
    </message>
    <message>
        <source>What happens is written here.</source>
        <translation>Hier wird protokolliert, was geschieht.</translation>
    </message>
    <message>
        <source>calibration samples</source>
        <translation>Kalibrierstichproben</translation>
    </message>
    <message>
        <source>calibration context</source>
        <translation>Kalibrierkontext</translation>
    </message>
    <message>
        <source>calibration mode</source>
        <translation>Kalibriermodus</translation>
    </message>
    <message>
        <source>Model's: %1</source>
        <translation>Vom Modell: %1</translation>
    </message>
    <message>
        <source>Model's</source>
        <translation>Vom Modell</translation>
    </message>
    <message>
        <source>Text (*.txt *.text *.md)</source>
        <translation>Text (*.txt *.text *.md)</translation>
    </message>
    <message>
        <source>All files (*)</source>
        <translation>Alle Dateien (*)</translation>
    </message>
    <message>
        <source>Forecast: %1 (%2 quantized, %3 float), about %4, %5 of memory</source>
        <translation>Vorhersage: %1 (%2 quantisiert, %3 float), etwa %4, %5 Speicher</translation>
    </message>
    <message>
        <source>Sizes are exact. Time and memory are estimated from counted operations and this machine's measured speed:</source>
        <translation>Größen sind exakt. Zeit und Speicher sind aus gezählten Operationen und der gemessenen Geschwindigkeit dieses Rechners geschätzt:</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation>%1: %2</translation>
    </message>
    <message>
        <source>%1 (%2): %3</source>
        <translation>%1 (%2): %3</translation>
    </message>
    <message>
        <source>Compute only what the shown run has no fitting result for; the rest is taken over (Shift+F5)</source>
        <translation>Nur berechnen, wofür der angezeigte Lauf kein passendes Ergebnis hat; der Rest wird übernommen (Umschalt+F5)</translation>
    </message>
    <message>
        <source>Ready</source>
        <translation>Bereit</translation>
    </message>
    <message>
        <source>Log</source>
        <translation>Log</translation>
    </message>
    <message>
        <source>Training</source>
        <translation>Training</translation>
    </message>
    <message>
        <source>A text file; its tokens are what the layers see while the error is measured and GPTQ and decoupleQ work</source>
        <translation>Eine Textdatei; ihre Token sind das, was die Schichten sehen, während der Fehler gemessen wird und GPTQ und decoupleQ arbeiten</translation>
    </message>
    <message>
        <source>Layer by layer</source>
        <translation>Schichtweise</translation>
    </message>
    <message>
        <source>Sequential: each block sees the outputs of the quantized blocks before it.
Layer by layer (true-sequential): each layer also sees the quantized layers before it within its block; slower.
Float model: statistics of the float model, in one pass</source>
        <translation>Sequenziell: Jeder Block sieht die Ausgaben der quantisierten Blöcke vor ihm.
Schichtweise (true-sequential): Jede Schicht sieht auch die quantisierten Schichten vor ihr in ihrem Block; langsamer.
Float-Modell: Statistik des float-Modells, in einem Durchlauf</translation>
    </message>
    <message>
        <source>A folder of PNG and JPEG images, one image, or an array of images (npy, npz, idx, HDF5; file.npz:name picks one of several). They are what the layers see while the error is measured and GPTQ and decoupleQ work</source>
        <translation>Ein Ordner mit PNG- und JPEG-Bildern, ein Bild oder ein Array von Bildern (npy, npz, idx, HDF5; datei.npz:name wählt eines von mehreren). Sie sind, was die Schichten sehen, während der Fehler gemessen wird und GPTQ und decoupleQ arbeiten</translation>
    </message>
    <message>
        <source>Images drawn from the data</source>
        <translation>Aus den Daten gezogene Bilder</translation>
    </message>
    <message>
        <source>An array with samples along its first axis (npy, npz, idx, HDF5; file.npz:name picks one of several). They are what the layers see while the error is measured and GPTQ and decoupleQ work</source>
        <translation>Ein Array mit den Stichproben entlang der ersten Achse (npy, npz, idx, HDF5; datei.npz:name wählt eines von mehreren). Sie sind, was die Schichten sehen, während der Fehler gemessen wird und GPTQ und decoupleQ arbeiten</translation>
    </message>
    <message>
        <source>Samples drawn from the data</source>
        <translation>Aus den Daten gezogene Stichproben</translation>
    </message>
    <message>
        <source>Chooses the calibration samples; equal seeds give equal bytes</source>
        <translation>Wählt die Kalibrierstichproben; gleiche Startwerte ergeben gleiche Bytes</translation>
    </message>
    <message>
        <source>Measure…</source>
        <translation>Messen…</translation>
    </message>
    <message>
        <source>Array or image…</source>
        <translation>Array oder Bild…</translation>
    </message>
    <message>
        <source>Folder of images…</source>
        <translation>Ordner mit Bildern…</translation>
    </message>
    <message>
        <source>Images and arrays (*.npy *.npz *.h5 *.png *.jpg *.jpeg *ubyte *.gz)</source>
        <translation>Bilder und Arrays (*.npy *.npz *.h5 *.png *.jpg *.jpeg *ubyte *.gz)</translation>
    </message>
    <message>
        <source>Arrays (*.npy *.npz *.h5 *ubyte *.gz)</source>
        <translation>Arrays (*.npy *.npz *.h5 *ubyte *.gz)</translation>
    </message>
    <message>
        <source>Measure the accuracy of the float model and of the shown run, or how near their outputs are</source>
        <translation>Die Genauigkeit des Float-Modells und des gezeigten Laufs messen, oder wie nah sich ihre Ausgaben sind</translation>
    </message>
    <message>
        <source>none: the model cannot be run</source>
        <translation>keine: das Modell läuft nicht</translation>
    </message>
    <message>
        <source>Measure the perplexity of the float model and of the shown run on a text, or how near their next tokens are</source>
        <translation>Die Perplexität des Float-Modells und des gezeigten Laufs auf einem Text messen, oder wie nahe ihre nächsten Token sind</translation>
    </message>
</context>
<context>
    <name>gradus::RunsModel</name>
    <message>
        <source>Show %1 in the table</source>
        <translation>%1 in der Tabelle anzeigen</translation>
    </message>
    <message>
        <source>Compare with %1</source>
        <translation>Mit %1 vergleichen</translation>
    </message>
    <message>
        <source>Cancelled: %1 of %2 layers had finished. Saved or exported, the others stay float.</source>
        <translation>Abgebrochen: %1 von %2 Schichten waren fertig. Gespeichert oder exportiert bleiben die übrigen float.</translation>
    </message>
    <message>
        <source>Training: %1</source>
        <translation>Training: %1</translation>
    </message>
    <message>
        <source>Measured: %1</source>
        <translation>Gemessen: %1</translation>
    </message>
</context>
<context>
    <name>gradus::RunsPanel</name>
    <message>
        <source>Runs of this session</source>
        <translation>Läufe dieser Sitzung</translation>
    </message>
    <message>
        <source>Runs are kept here: run the recipe, change it, run it again, and compare.</source>
        <translation>Hier werden Läufe aufbewahrt: Rezept ausführen, ändern, erneut ausführen und vergleichen.</translation>
    </message>
    <message>
        <source>Show</source>
        <translation>Anzeigen</translation>
    </message>
    <message>
        <source>Show this run in the table: it becomes A</source>
        <translation>Diesen Lauf in der Tabelle anzeigen: Er wird A</translation>
    </message>
    <message>
        <source>Compare</source>
        <translation>Vergleichen</translation>
    </message>
    <message>
        <source>Compare the run that is shown with this one: it becomes B</source>
        <translation>Den angezeigten Lauf mit diesem vergleichen: Dieser wird B</translation>
    </message>
    <message>
        <source>Rename</source>
        <translation>Umbenennen</translation>
    </message>
    <message>
        <source>Give the run another name</source>
        <translation>Dem Lauf einen anderen Namen geben</translation>
    </message>
    <message>
        <source>Remove</source>
        <translation>Entfernen</translation>
    </message>
    <message>
        <source>Forget this run; files that were saved stay</source>
        <translation>Diesen Lauf aus der Liste entfernen; gespeicherte Dateien bleiben erhalten</translation>
    </message>
    <message>
        <source>Save…</source>
        <translation>Speichern…</translation>
    </message>
    <message>
        <source>Save the run to a file</source>
        <translation>Lauf in einer Datei speichern</translation>
    </message>
    <message>
        <source>Export…</source>
        <translation>Exportieren…</translation>
    </message>
    <message>
        <source>Write the quantized model for other programs</source>
        <translation>Quantisiertes Modell für andere Programme schreiben</translation>
    </message>
    <message>
        <source>Report…</source>
        <translation>Bericht…</translation>
    </message>
    <message>
        <source>Write a report of the run</source>
        <translation>Bericht über den Lauf schreiben</translation>
    </message>
    <message>
        <source>Stop comparing</source>
        <translation>Vergleich beenden</translation>
    </message>
</context>
<context>
    <name>gradus::SampleDialog</name>
    <message>
        <source>Mean and deviation must be numbers: one, or one per channel.</source>
        <translation>Mittelwert und Abweichung müssen Zahlen sein: eine, oder eine je Kanal.</translation>
    </message>
    <message>
        <source>Measure outputs</source>
        <translation>Ausgaben messen</translation>
    </message>
    <message>
        <source>Accuracy: top-1 and top-5 of labeled samples</source>
        <translation>Genauigkeit: Top-1 und Top-5 von Stichproben mit Label</translation>
    </message>
    <message>
        <source>Likeness: cosine and KL against the float model</source>
        <translation>Ähnlichkeit: Kosinus und KL gegen das Float-Modell</translation>
    </message>
    <message>
        <source>Likeness: cosine against the float model</source>
        <translation>Ähnlichkeit: Kosinus gegen das Float-Modell</translation>
    </message>
    <message>
        <source>Browse…</source>
        <translation>Durchsuchen…</translation>
    </message>
    <message>
        <source>Metric</source>
        <translation>Metrik</translation>
    </message>
    <message>
        <source>Data</source>
        <translation>Daten</translation>
    </message>
    <message>
        <source>Measure</source>
        <translation>Messen</translation>
    </message>
    <message>
        <source>The float model and the shown run are measured on the same samples. Top-1 is the share whose label has the largest score; it needs labels.</source>
        <translation>Das Float-Modell und der gezeigte Lauf werden auf denselben Stichproben gemessen. Top-1 ist der Anteil, bei dem das Label den größten Wert hat; dafür braucht es Labels.</translation>
    </message>
    <message>
        <source>The outputs of the shown run are compared with the float model's, sample by sample. No labels are needed.</source>
        <translation>Die Ausgaben des gezeigten Laufs werden Stichprobe für Stichprobe mit denen des Float-Modells verglichen. Labels braucht es nicht.</translation>
    </message>
    <message>
        <source>There is no run to compare with the float model: quantize first.</source>
        <translation>Es gibt keinen Lauf zum Vergleich mit dem Float-Modell: zuerst quantisieren.</translation>
    </message>
    <message>
        <source>Images and arrays (*.npy *.npz *.h5 *.png *.jpg *.jpeg *ubyte *.gz)</source>
        <translation>Bilder und Arrays (*.npy *.npz *.h5 *.png *.jpg *.jpeg *ubyte *.gz)</translation>
    </message>
    <message>
        <source>All files (*)</source>
        <translation>Alle Dateien (*)</translation>
    </message>
    <message>
        <source>Array or image…</source>
        <translation>Array oder Bild…</translation>
    </message>
    <message>
        <source>Folder of images…</source>
        <translation>Ordner mit Bildern…</translation>
    </message>
</context>
<context>
    <name>gradus::SampleFields</name>
    <message>
        <source>none, or from folders</source>
        <translation>keine oder aus Ordnern</translation>
    </message>
    <message>
        <source>An array of class numbers (npy, npz, idx), or a text with one label per line. Without it, folders of images are classes</source>
        <translation>Ein Array von Klassennummern (npy, npz, idx) oder ein Text mit einem Label je Zeile. Ohne sie sind Ordner von Bildern Klassen</translation>
    </message>
    <message>
        <source>Values are fed as (x − mean)/deviation, in units of the stored values: one number, or one per channel</source>
        <translation>Werte werden als (x − Mittelwert)/Abweichung eingegeben, in Einheiten der gespeicherten Werte: eine Zahl oder eine je Kanal</translation>
    </message>
    <message>
        <source>As found</source>
        <translation>Wie gefunden</translation>
    </message>
    <message>
        <source>Order of an array's axes: N samples, C channels, H height, W width</source>
        <translation>Reihenfolge der Achsen eines Arrays: N Stichproben, C Kanäle, H Höhe, W Breite</translation>
    </message>
    <message>
        <source>Labels</source>
        <translation>Labels</translation>
    </message>
    <message>
        <source>Mean</source>
        <translation>Mittelwert</translation>
    </message>
    <message>
        <source>Deviation</source>
        <translation>Streuung</translation>
    </message>
    <message>
        <source>Layout</source>
        <translation>Achsen</translation>
    </message>
    <message>
        <source>labels</source>
        <translation>Labels</translation>
    </message>
    <message>
        <source>normalization</source>
        <translation>Normierung</translation>
    </message>
    <message>
        <source>layout of the data</source>
        <translation>Anordnung der Daten</translation>
    </message>
    <message>
        <source>Browse…</source>
        <translation>Durchsuchen…</translation>
    </message>
    <message>
        <source>Browse for labels</source>
        <translation>Labels suchen</translation>
    </message>
    <message>
        <source>Model's: %1</source>
        <translation>Vom Modell: %1</translation>
    </message>
    <message>
        <source>Labels (*.npy *.npz *.txt *.csv *ubyte *.gz)</source>
        <translation>Labels (*.npy *.npz *.txt *.csv *ubyte *.gz)</translation>
    </message>
    <message>
        <source>All files (*)</source>
        <translation>Alle Dateien (*)</translation>
    </message>
    <message>
        <source>none stated</source>
        <translation>nicht genannt</translation>
    </message>
</context>
<context>
    <name>gradus::ShortcutsDialog</name>
    <message>
        <source>Layer table</source>
        <translation>Schichttabelle</translation>
    </message>
    <message>
        <source>Edit the cell, for all selected layers</source>
        <translation>Zelle bearbeiten, für alle ausgewählten Schichten</translation>
    </message>
    <message>
        <source>Lock or unlock</source>
        <translation>Sperren oder entsperren</translation>
    </message>
    <message>
        <source>Back to what the recipe's rules and standard say</source>
        <translation>Auf Regeln und Standard des Rezepts zurücksetzen</translation>
    </message>
    <message>
        <source>Select all layers shown</source>
        <translation>Alle angezeigten Schichten auswählen</translation>
    </message>
    <message>
        <source>Copy as a table</source>
        <translation>Als Tabelle kopieren</translation>
    </message>
    <message>
        <source>From the filter line back to the table</source>
        <translation>Von der Filterzeile zurück zur Tabelle</translation>
    </message>
    <message>
        <source>Plots</source>
        <translation>Diagramme</translation>
    </message>
    <message>
        <source>Zoom; over an axis, that axis alone</source>
        <translation>Zoomen; über einer Achse nur diese Achse</translation>
    </message>
    <message>
        <source>Zoom</source>
        <translation>Zoomen</translation>
    </message>
    <message>
        <source>Move</source>
        <translation>Verschieben</translation>
    </message>
    <message>
        <source>Show all; a double click does too</source>
        <translation>Alles anzeigen; auch per Doppelklick</translation>
    </message>
    <message>
        <source>Copy the image</source>
        <translation>Bild kopieren</translation>
    </message>
    <message>
        <source>Bits map</source>
        <translation>Bitkarte</translation>
    </message>
    <message>
        <source>Bits of the selected layers</source>
        <translation>Bits der ausgewählten Schichten</translation>
    </message>
    <message>
        <source>Keep the selected layers float</source>
        <translation>Ausgewählte Schichten als float behalten</translation>
    </message>
    <message>
        <source>Extend the selection</source>
        <translation>Auswahl erweitern</translation>
    </message>
    <message>
        <source>Keyboard shortcuts</source>
        <translation>Tastenkürzel</translation>
    </message>
    <message>
        <source>Action</source>
        <translation>Aktion</translation>
    </message>
    <message>
        <source>Keys</source>
        <translation>Tasten</translation>
    </message>
</context>
<context>
    <name>gradus::Startup</name>
    <message>
        <source>cancelled</source>
        <translation>abgebrochen</translation>
    </message>
</context>
<context>
    <name>gradus::TrainingPlot</name>
    <message>
        <source>Loss of the training</source>
        <translation>Verlust des Trainings</translation>
    </message>
    <message>
        <source>Each step</source>
        <translation>Jeder Schritt</translation>
    </message>
    <message>
        <source>Mean of the epoch</source>
        <translation>Mittel der Epoche</translation>
    </message>
    <message>
        <source>All windows, after the epoch</source>
        <translation>Alle Fenster, nach der Epoche</translation>
    </message>
    <message>
        <source>Kept</source>
        <translation>Behalten</translation>
    </message>
    <message>
        <source>loss (nats per token)</source>
        <translation>Verlust (nat je Token)</translation>
    </message>
    <message>
        <source>error of the block (%)</source>
        <translation>Fehler des Blocks (%)</translation>
    </message>
    <message>
        <source>block</source>
        <translation>Block</translation>
    </message>
    <message>
        <source>step</source>
        <translation>Schritt</translation>
    </message>
    <message>
        <source>%1 → %2 · %3 · %4</source>
        <translation>%1 → %2 · %3 · %4</translation>
    </message>
    <message>
        <source>%1 → %2 per token · %3</source>
        <translation>%1 → %2 je Token · %3</translation>
    </message>
    <message>
        <source>step %1 of %2, epoch %3</source>
        <translation>Schritt %1 von %2, Epoche %3</translation>
    </message>
    <message>
        <source>step %1 of %2</source>
        <translation>Schritt %1 von %2</translation>
    </message>
    <message>
        <source>loss %1</source>
        <translation>Verlust %1</translation>
    </message>
    <message>
        <source>mean of the epoch %1</source>
        <translation>Mittel der Epoche %1</translation>
    </message>
    <message>
        <source>all windows: %1 → %2</source>
        <translation>alle Fenster: %1 → %2</translation>
    </message>
    <message>
        <source>%1 loss</source>
        <translation>%1 Verlust</translation>
    </message>
    <message>
        <source>‖y − ŷ‖² / ‖y‖² of each block's output, step by step</source>
        <translation>‖y − ŷ‖² / ‖y‖² der Ausgabe jedes Blocks, Schritt für Schritt</translation>
    </message>
</context>
<context>
    <name>gradus::ValueTable</name>
    <message>
        <source>Copy</source>
        <translation>Kopieren</translation>
    </message>
    <message>
        <source>Copy table as CSV</source>
        <translation>Tabelle als CSV kopieren</translation>
    </message>
</context>
<context>
    <name>gradus::WeightPanel</name>
    <message>
        <source>Mean</source>
        <translation>Mittelwert</translation>
    </message>
    <message>
        <source>Mean of the weights: Σw / n</source>
        <translation>Mittelwert der Gewichte: Σw / n</translation>
    </message>
    <message>
        <source>Std. deviation</source>
        <translation>Standardabw.</translation>
    </message>
    <message>
        <source>Population standard deviation of the weights: √(Σ(w − mean)² / n)</source>
        <translation>Standardabweichung der Gewichte (Grundgesamtheit): √(Σ(w − Mittelwert)² / n)</translation>
    </message>
    <message>
        <source>Minimum</source>
        <translation>Minimum</translation>
    </message>
    <message>
        <source>Smallest weight</source>
        <translation>Kleinstes Gewicht</translation>
    </message>
    <message>
        <source>Maximum</source>
        <translation>Maximum</translation>
    </message>
    <message>
        <source>Largest weight</source>
        <translation>Größtes Gewicht</translation>
    </message>
    <message>
        <source>Excess kurtosis</source>
        <translation>Exzess-Kurtosis</translation>
    </message>
    <message>
        <source>E[(w − mean)⁴] / σ⁴ − 3: 0 for a normal distribution; large when a few weights lie far out</source>
        <translation>E[(w − Mittelwert)⁴] / σ⁴ − 3: 0 bei Normalverteilung; groß, wenn einige wenige Gewichte weit außen liegen</translation>
    </message>
    <message>
        <source>Outliers &gt; 6σ</source>
        <translation>Ausreißer &gt; 6σ</translation>
    </message>
    <message>
        <source>Share of weights more than six standard deviations from the mean</source>
        <translation>Anteil der Gewichte, die mehr als sechs Standardabweichungen vom Mittelwert entfernt sind</translation>
    </message>
    <message>
        <source>Weight SQNR</source>
        <translation>Gewichts-SQNR</translation>
    </message>
    <message>
        <source>Signal to quantization noise of the weights: 10·log₁₀(Σw² / Σ(w − ŵ)²); more is better</source>
        <translation>Signal-Quantisierungsrausch-Verhältnis der Gewichte: 10·log₁₀(Σw² / Σ(w − ŵ)²); höher ist besser</translation>
    </message>
    <message>
        <source>Cosine</source>
        <translation>Kosinus</translation>
    </message>
    <message>
        <source>Cosine between the weights before and after: Σwŵ / (‖w‖·‖ŵ‖); 1 is best</source>
        <translation>Kosinus zwischen den Gewichten vorher und nachher: Σwŵ / (‖w‖·‖ŵ‖); 1 ist am besten</translation>
    </message>
    <message>
        <source>Output error</source>
        <translation>Ausgabefehler</translation>
    </message>
    <message>
        <source>Relative error of the layer's output: tr(E·H·Eᵀ) / tr(W·H·Wᵀ) with E = W − Ŵ and H = XᵀX/n of the captured inputs</source>
        <translation>Relativer Fehler der Ausgabe der Schicht: tr(E·H·Eᵀ) / tr(W·H·Wᵀ) mit E = W − Ŵ und H = XᵀX/n der erfassten Eingaben</translation>
    </message>
    <message>
        <source>Stored size</source>
        <translation>Gespeicherte Größe</translation>
    </message>
    <message>
        <source>Bytes of codes, scales and zeros, and bits per weight</source>
        <translation>Bytes der Codes, Skalen und Nullpunkte sowie Bit je Gewicht</translation>
    </message>
    <message>
        <source>Views of the weights</source>
        <translation>Ansichten der Gewichte</translation>
    </message>
    <message>
        <source>Histogram</source>
        <translation>Histogramm</translation>
    </message>
    <message>
        <source>By channel</source>
        <translation>Je Kanal</translation>
    </message>
    <message>
        <source>Outliers</source>
        <translation>Ausreißer</translation>
    </message>
    <message>
        <source>Distribution of all weights of the selected layers</source>
        <translation>Verteilung aller Gewichte der ausgewählten Schichten</translation>
    </message>
    <message>
        <source>Distribution of each channel's weights, side by side</source>
        <translation>Verteilungen der Gewichte der einzelnen Kanäle nebeneinander</translation>
    </message>
    <message>
        <source>Weights far from the others, and where they stand</source>
        <translation>Gewichte weitab von den übrigen und ihre Lage</translation>
    </message>
    <message>
        <source>Select a layer to see the distribution of its weights.</source>
        <translation>Eine Schicht auswählen, um die Verteilung ihrer Gewichte zu sehen.</translation>
    </message>
    <message>
        <source>Log</source>
        <translation>Log</translation>
    </message>
    <message>
        <source>Show the number of weights on a logarithmic axis</source>
        <translation>Anzahl der Gewichte auf einer logarithmischen Achse anzeigen</translation>
    </message>
    <message>
        <source>Logarithmic axis</source>
        <translation>Logarithmische Achse</translation>
    </message>
    <message>
        <source>Density</source>
        <translation>Dichte</translation>
    </message>
    <message>
        <source>Show densities, which integrate to one, instead of counts; several layers are always shown so</source>
        <translation>Dichten (Integral eins) statt Anzahlen anzeigen; mehrere Schichten werden immer so angezeigt</translation>
    </message>
    <message>
        <source>Show</source>
        <translation>Anzeigen</translation>
    </message>
    <message>
        <source>Choose what the histogram shows</source>
        <translation>Wählen, was das Histogramm zeigt</translation>
    </message>
    <message>
        <source>Original weights</source>
        <translation>Ursprüngliche Gewichte</translation>
    </message>
    <message>
        <source>Quantized weights</source>
        <translation>Quantisierte Gewichte</translation>
    </message>
    <message>
        <source>Error ŵ − w</source>
        <translation>Fehler ŵ − w</translation>
    </message>
    <message>
        <source>Levels of the grid</source>
        <translation>Stufen des Gitters</translation>
    </message>
    <message>
        <source>Outlier limits</source>
        <translation>Ausreißergrenzen</translation>
    </message>
    <message>
        <source>Lower clip limit</source>
        <translation>Untere Clipgrenze</translation>
    </message>
    <message>
        <source>Weights below are stored as this value: the range of every group is cut to [low, high] before its grid is made. Drag the left marker, or type.</source>
        <translation>Kleinere Gewichte werden als dieser Wert gespeichert: Der Bereich jeder Gruppe wird auf [untere, obere] beschnitten, bevor ihr Gitter gebildet wird. Linke Marke ziehen oder Wert eingeben.</translation>
    </message>
    <message>
        <source>Upper clip limit</source>
        <translation>Obere Clipgrenze</translation>
    </message>
    <message>
        <source>Weights above are stored as this value: the range of every group is cut to [low, high] before its grid is made. Drag the right marker, or type.</source>
        <translation>Größere Gewichte werden als dieser Wert gespeichert: Der Bereich jeder Gruppe wird auf [untere, obere] beschnitten, bevor ihr Gitter gebildet wird. Rechte Marke ziehen oder Wert eingeben.</translation>
    </message>
    <message>
        <source>Reset clip</source>
        <translation>Clip zurücksetzen</translation>
    </message>
    <message>
        <source>Take the clip limits out of the layer's scheme</source>
        <translation>Clipgrenzen aus dem Schema der Schicht entfernen</translation>
    </message>
    <message>
        <source>Clip</source>
        <translation>Clip</translation>
    </message>
    <message>
        <source>Channels shown</source>
        <translation>Angezeigte Kanäle</translation>
    </message>
    <message>
        <source>Output channels</source>
        <translation>Ausgabekanäle</translation>
    </message>
    <message>
        <source>Input channels</source>
        <translation>Eingabekanäle</translation>
    </message>
    <message>
        <source>Output channels are rows of the weight, input channels its columns</source>
        <translation>Ausgabekanäle sind die Zeilen der Gewichtsmatrix, Eingabekanäle ihre Spalten</translation>
    </message>
    <message>
        <source>An outlier is a weight with |w − mean| &gt; this multiple of the standard deviation</source>
        <translation>Ein Ausreißer ist ein Gewicht mit |w − Mittelwert| &gt; diesem Vielfachen der Standardabweichung</translation>
    </message>
    <message>
        <source>Beyond</source>
        <translation>Jenseits von</translation>
    </message>
    <message>
        <source>Copy as table</source>
        <translation>Als Tabelle kopieren</translation>
    </message>
    <message>
        <source>%1, estimate from %2 of %3 rows</source>
        <translation>%1, Schätzung aus %2 von %3 Zeilen</translation>
    </message>
    <message>
        <source>float</source>
        <translation>float</translation>
    </message>
    <message>
        <source>%1 (%2 b/w)</source>
        <translation>%1 (%2 Bit/Gew.)</translation>
    </message>
    <message>
        <source>Capture the layer's inputs to see it.</source>
        <translation>Eingaben der Schicht erfassen, um ihn zu sehen.</translation>
    </message>
    <message>
        <source>clip %1 to [%2, %3]</source>
        <translation>Clip für %1 auf [%2, %3]</translation>
    </message>
    <message>
        <source>no clip of %1</source>
        <translation>kein Clip für %1</translation>
    </message>
    <message>
        <source>%1 of %2 weights (%3)</source>
        <translation>%1 von %2 Gewichten (%3)</translation>
    </message>
    <message>
        <source>%1 · the largest %2 listed</source>
        <translation>%1 · die %2 größten aufgelistet</translation>
    </message>
</context>
<context>
    <name>gradus::Workbench</name>
    <message>
        <source>Opening %1</source>
        <translation>Öffnen von %1</translation>
    </message>
    <message>
        <source>Opened %1: %2, %3 layers, %4 parameters, %5</source>
        <translation>%1 geöffnet: %2, %3 Schichten, %4 Parameter, %5</translation>
    </message>
    <message>
        <source>The model cannot be run: %1</source>
        <translation>Das Modell kann nicht ausgeführt werden: %1</translation>
    </message>
    <message>
        <source>recipe of run %1</source>
        <translation>Rezept von Lauf %1</translation>
    </message>
    <message>
        <source>Opened run %1: %2 bits per weight</source>
        <translation>Lauf %1 geöffnet: %2 Bit je Gewicht</translation>
    </message>
    <message>
        <source>Reading %1</source>
        <translation>Lesen von %1</translation>
    </message>
    <message>
        <source>opening of %1</source>
        <translation>Öffnen von %1</translation>
    </message>
    <message>
        <source>Opened recipe %1</source>
        <translation>Rezept %1 geöffnet</translation>
    </message>
    <message>
        <source>Saving %1</source>
        <translation>Speichern von %1</translation>
    </message>
    <message>
        <source>Saved recipe %1</source>
        <translation>Rezept %1 gespeichert</translation>
    </message>
    <message>
        <source>The session cannot be kept against a crash: %1</source>
        <translation>Die Sitzung kann nicht gegen Absturz gesichert werden: %1</translation>
    </message>
    <message>
        <source>Restoring %1</source>
        <translation>Wiederherstellen von %1</translation>
    </message>
    <message>
        <source>Restored the session with %1</source>
        <translation>Sitzung mit %1 wiederhergestellt</translation>
    </message>
    <message>
        <source>%1 is no longer what was opened: %2</source>
        <translation>%1 ist nicht mehr das, was geöffnet wurde: %2</translation>
    </message>
    <message>
        <source>%1 has changed since it was opened: what is shown belongs to the old file</source>
        <translation>%1 wurde seit dem Öffnen geändert: Das Angezeigte gehört zur alten Datei</translation>
    </message>
    <message>
        <source>%1 is still running: cancel it first</source>
        <translation>%1 läuft noch: zuerst abbrechen</translation>
    </message>
    <message>
        <source>%1 failed: %2</source>
        <translation>%1 fehlgeschlagen: %2</translation>
    </message>
    <message>
        <source>%1 cancelled</source>
        <translation>%1 abgebrochen</translation>
    </message>
    <message>
        <source>Open a model first</source>
        <translation>Zuerst ein Modell öffnen</translation>
    </message>
    <message>
        <source>The plan is being made</source>
        <translation>Der Plan wird erstellt</translation>
    </message>
    <message>
        <source>The recipe needs calibration, but the model cannot be run: %1</source>
        <translation>Das Rezept erfordert eine Kalibrierung, aber das Modell kann nicht ausgeführt werden: %1</translation>
    </message>
    <message>
        <source>The recipe needs a calibration text</source>
        <translation>Das Rezept erfordert einen Kalibriertext</translation>
    </message>
    <message>
        <source>Nothing is stale: every layer's result belongs to the recipe</source>
        <translation>Nichts ist veraltet: Das Ergebnis jeder Schicht gehört zum Rezept</translation>
    </message>
    <message>
        <source>Select layers first</source>
        <translation>Zuerst Schichten auswählen</translation>
    </message>
    <message>
        <source>%1: quantizing %2 layers</source>
        <translation>%1: Quantisierung von %2 Schichten</translation>
    </message>
    <message>
        <source>%1: quantizing</source>
        <translation>%1: Quantisierung</translation>
    </message>
    <message>
        <source>Quantizing</source>
        <translation>Quantisierung</translation>
    </message>
    <message>
        <source>%1: %2 bits per weight, %3, in %4</source>
        <translation>%1: %2 Bit je Gewicht, %3, in %4</translation>
    </message>
    <message>
        <source>The model's data is not what it was in %1: the two runs do not compare</source>
        <translation>Die Daten des Modells sind andere als in %1: Die beiden Läufe sind nicht vergleichbar</translation>
    </message>
    <message>
        <source>Choose a calibration text first</source>
        <translation>Zuerst einen Kalibriertext wählen</translation>
    </message>
    <message>
        <source>Capturing activations</source>
        <translation>Erfassen der Aktivierungen</translation>
    </message>
    <message>
        <source>Captured the inputs of %1 layers</source>
        <translation>Eingaben von %1 Schichten erfasst</translation>
    </message>
    <message>
        <source>There is no run to save: quantize first</source>
        <translation>Kein Lauf zum Speichern: zuerst quantisieren</translation>
    </message>
    <message>
        <source>Saved run %1</source>
        <translation>Lauf %1 gespeichert</translation>
    </message>
    <message>
        <source>Saved the run to %1</source>
        <translation>Lauf in %1 gespeichert</translation>
    </message>
    <message>
        <source>There is no run to report on: quantize first</source>
        <translation>Kein Lauf für einen Bericht: zuerst quantisieren</translation>
    </message>
    <message>
        <source>Writing %1</source>
        <translation>Schreiben von %1</translation>
    </message>
    <message>
        <source>Wrote the report %1 and its table %2</source>
        <translation>Bericht %1 und zugehörige Tabelle %2 geschrieben</translation>
    </message>
    <message>
        <source>Measuring perplexity</source>
        <translation>Messen der Perplexität</translation>
    </message>
    <message>
        <source>Perplexity: float %1</source>
        <translation>Perplexität: float %1</translation>
    </message>
    <message>
        <source> → quantized %1 (%2%3)</source>
        <translation> → quantisiert %1 (%2%3)</translation>
    </message>
    <message>
        <source>%1, %2 windows of %3 tokens, %4 convention</source>
        <translation>%1, %2 Fenster zu %3 Token, Konvention %4</translation>
    </message>
    <message>
        <source>GPTQ</source>
        <translation>GPTQ</translation>
    </message>
    <message>
        <source>There is no run to export: quantize first</source>
        <translation>Kein Lauf zum Exportieren: zuerst quantisieren</translation>
    </message>
    <message>
        <source>Exporting %1</source>
        <translation>Export als %1</translation>
    </message>
    <message>
        <source>Mismatch in %1: %2</source>
        <translation>Abweichung in %1: %2</translation>
    </message>
    <message>
        <source>Exported %1 to %2 (%3); read back and compared: %4 tensors, all equal to the run</source>
        <translation>Als %1 nach %2 exportiert (%3); zurückgelesen und verglichen: %4 Tensoren, alle gleich dem Lauf</translation>
    </message>
    <message>
        <source>%1 was written but differs from the run in %2 of %3 tensors, first: %4: %5</source>
        <translation>%1 wurde geschrieben, weicht aber in %2 von %3 Tensoren vom Lauf ab, zuerst: %4: %5</translation>
    </message>
    <message>
        <source>The recipe needs calibration images</source>
        <translation>Das Rezept braucht Kalibrierbilder</translation>
    </message>
    <message>
        <source>The recipe needs calibration samples</source>
        <translation>Das Rezept braucht Kalibrierstichproben</translation>
    </message>
    <message>
        <source>Choose calibration data first</source>
        <translation>Zuerst Kalibrierdaten wählen</translation>
    </message>
    <message>
        <source>There is no run to compare with the float model: quantize first</source>
        <translation>Es gibt keinen Lauf zum Vergleich mit dem Float-Modell: zuerst quantisieren</translation>
    </message>
    <message>
        <source>Measuring accuracy</source>
        <translation>Genauigkeit messen</translation>
    </message>
    <message>
        <source>Comparing outputs</source>
        <translation>Ausgaben vergleichen</translation>
    </message>
    <message>
        <source>%1 needs calibration, but the model cannot be run: choose %2, which needs none (%3)</source>
        <translation>%1 benötigt Kalibrierung, aber das Modell läuft nicht: %2 wählen, das keine benötigt (%3)</translation>
    </message>
    <message>
        <source>KL to float: %1 ± %2 nats/token; same most likely token: %3 %</source>
        <translation>KL zu float: %1 ± %2 nats/Token; gleiches wahrscheinlichstes Token: %3 %</translation>
    </message>
    <message>
        <source>Measuring sensitivities</source>
        <translation>Empfindlichkeiten messen</translation>
    </message>
    <message>
        <source>Measured the sensitivities of %1 layers under %2 candidates</source>
        <translation>Empfindlichkeiten von %1 Schichten unter %2 Kandidaten gemessen</translation>
    </message>
    <message>
        <source>Saved the table of sensitivities %1</source>
        <translation>Tabelle der Empfindlichkeiten %1 gespeichert</translation>
    </message>
    <message>
        <source>Saved the table of sensitivities to %1</source>
        <translation>Tabelle der Empfindlichkeiten in %1 gespeichert</translation>
    </message>
</context>
</TS>
