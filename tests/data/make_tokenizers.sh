#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Makes tests/data/tokenizers: small sentencepiece models trained on the bundled sample's text, odd
# lines, and the ids that sentencepiece itself gives for them. Needs the package sentencepiece
# (spm_train, spm_encode; made with version 0.1.97 of Debian 12).
#   tests/data/make_tokenizers.sh        from the repository's root
set -eu
sample=resources/samples/lm-kjv-3M
out=tests/data/tokenizers
mkdir -p "$out"

# No line of control characters here; bytes that are no UTF-8 are in octal.
{
    printf 'In the beginning God created the heaven and the earth.\n'
    printf ' leading,  double   and trailing  spaces   \n'
    printf '\n'
    printf '   \n'
    printf 'tab\there\n'
    printf 'caf\303\251 na\303\257ve \303\237 \316\261\316\262\316\263 \320\226\n'
    printf 'decomposed cafe\314\201 and a\314\212\n'
    printf '\346\227\245\346\234\254\350\252\236\343\201\256\346\226\207\347\253\240\n'
    printf '\357\274\241\357\274\242\357\274\243 \357\275\261\357\275\262 \342\221\240 \357\254\201 \342\204\273 \302\275 \357\267\272\n'
    printf 'emoji \360\237\230\200\360\237\230\200 \360\237\221\250\342\200\215\360\237\221\251\n'
    printf 'invalid \377\376 bytes \303 and \342\202 cut \355\240\200 surrogate \300\200\n'
    printf 'a literal \342\226\201 mark and \342\226\201\342\226\201two\n'
    printf '<s> </s> <unk> <0x41> <sep> [MASK]and<sep><sep>more [MASK\n'
    printf 'non\302\240breaking\343\200\200ideographic\342\200\213zero\302\255soft\n'
    printf 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa thethethethe  1234567890\n'
    printf 'LORD LORD.LORD,lord;;;;----____....\n'
    printf '\357\273\277byte order mark \357\277\275 replacement\n'
    printf 'no newline at the end \342\200\230quotes\342\200\231 \342\200\224 dash'
} >"$out/odd.txt"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
head -c 120000 "$sample/calibration.txt" | sed 's/\([.;:]\) /\1\n/g' >"$work/corpus.txt"
# A small rule file: x -> ex, ligature fi, full-width A and B, tab and no-break space to a space.
printf '78\t65 78\nFB01\t66 69\nFF21\t41\nFF22\t42\n9\t20\nA0\t20\n65 301\tE9\n' >"$work/rules.tsv"

train() # name, further options
{
    name=$1
    shift
    # Inside the folder: a model remembers the names that it was trained with.
    (cd "$work" && spm_train --input=corpus.txt --model_prefix="$name" --minloglevel=2 \
        --num_threads=1 "$@")
    cp "$work/$name.model" "$out/$name.model"
}
train bpe-plain --model_type=bpe --vocab_size=400 --normalization_rule_name=identity \
    --character_coverage=0.98
train bpe-symbols --model_type=bpe --vocab_size=700 --normalization_rule_name=identity \
    --byte_fallback=true --remove_extra_whitespaces=false --add_dummy_prefix=true \
    --user_defined_symbols='<sep>,[MASK],the' --control_symbols='<ctl>' --split_digits=true
train unigram-plain --model_type=unigram --vocab_size=300 --normalization_rule_name=identity \
    --character_coverage=0.98 --user_defined_symbols='<sep>,[MASK]'
train unigram-rules --model_type=unigram --vocab_size=600 --byte_fallback=true \
    --normalization_rule_tsv=rules.tsv --treat_whitespace_as_suffix=true
train unigram-bare --model_type=unigram --vocab_size=300 --normalization_rule_name=identity \
    --add_dummy_prefix=false --split_by_whitespace=false --bos_id=-1 --eos_id=-1 --unk_id=0

for name in bpe-plain bpe-symbols unigram-plain unigram-rules unigram-bare; do
    spm_encode --model="$out/$name.model" --output_format=id <"$out/odd.txt" >"$out/$name.ids"
done
# The bundled sample's own model: BPE, byte fallback, the rules of NFKC.
spm_encode --model="$sample/tokenizer.model" --output_format=id <"$out/odd.txt" >"$out/sample.ids"
