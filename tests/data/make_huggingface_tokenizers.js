// SPDX-License-Identifier: GPL-3.0-or-later
//
// Makes tests/data/tokenizers/*.json, small Hugging Face tokenizers of every shape that Gradus reads,
// and the ids that the tokenizers library itself gives for odd lines. From the repository's root:
//   npm install --prefix /tmp/oracle @anush008/tokenizers@0.6.0
//   NODE_PATH=/tmp/oracle/node_modules node tests/data/make_huggingface_tokenizers.js
const fs = require('fs');
const {Tokenizer} = require('@anush008/tokenizers');

const out = 'tests/data/tokenizers/';
const corpus =
    fs.readFileSync('resources/samples/lm-kjv-3M/calibration.txt', 'utf8').slice(0, 60000);

// The lines of odd.txt that are UTF-8, and some for what these tokenizers do.
const odd = fs.readFileSync(out + 'odd.txt')
                .toString('latin1')
                .split('\n')
                .map(line => Buffer.from(line, 'latin1').toString('utf8'))
                .filter(line => !line.includes('\ufffd'));
const lines = odd.concat([
    'I\'m you\'re WE\'LL can\'t  don\'t\t\ttabs \u00a0nbsp',
    '1234567 12 345678901 3.14159 1,000,000', 'a\r\r  b\u000b\u000b c', '  two  three   four    ',
    'x = {"k": [1, 2]}; // (comment) --> ~~~ (((deep))) ,,,',
    'text<|endoftext|>more <|begin_of_text|> and <mark>  spaced <mark>',
    'word<only>word <only> <only>word <only>', '\u2028line \u0085next \u3000wide',
    '\ud83d\ude00\ud83d\udc68\u200d\ud83d\udc69\ud83c\udde9\ud83c\uddea', '\u017f\u212a k \'S \'\u017f',
    'the LORD the lord the Lord\'s lords of the heavens heavens'
]);
fs.writeFileSync(out + 'odd_utf8.txt', lines.join('\n') + '\n');

function byteNames() {
    const names = [];
    let free = 256;
    for (let b = 0; b < 256; ++b)
        names.push(String.fromCodePoint(
            (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174 ? b : free++));
    return names;
}

// Plain byte-pair training: the most frequent pair, first by code units among equals.
function train(words, merges) {
    const counts = new Map();
    for (const word of words)
        counts.set(word, (counts.get(word) || 0) + 1);
    let list = [...counts].map(([word, count]) => ({parts: [...word], count}));
    const result = [];
    while (result.length < merges) {
        const pairs = new Map();
        for (const {parts, count} of list)
            for (let i = 0; i + 1 < parts.length; ++i) {
                const key = parts[i] + '\0' + parts[i + 1];
                pairs.set(key, (pairs.get(key) || 0) + count);
            }
        const best = [...pairs].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))[0];
        const [left, right] = best[0].split('\0');
        result.push([left, right]);
        for (const entry of list) {
            const parts = [];
            for (let i = 0; i < entry.parts.length; ++i)
                if (entry.parts[i] === left && entry.parts[i + 1] === right) {
                    parts.push(left + right);
                    ++i;
                } else {
                    parts.push(entry.parts[i]);
                }
            entry.parts = parts;
        }
    }
    return result;
}

function vocabulary(start, merges) {
    const vocab = {};
    let next = 0;
    for (const token of start.concat(merges.map(pair => pair[0] + pair[1])))
        if (!(token in vocab))
            vocab[token] = next++;
    return vocab;
}

function added(id, content, options) {
    return Object.assign(
        {id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true},
        options);
}

function write(name, parts) {
    const json = Object.assign({
        version: '1.0',
        truncation: null,
        padding: null,
        added_tokens: [],
        normalizer: null,
        pre_tokenizer: null,
        post_processor: null,
        decoder: null
    }, parts);
    fs.writeFileSync(out + name + '.json', JSON.stringify(json) + '\n');
    const tokenizer = Tokenizer.fromFile(out + name + '.json');
    return Promise
        .all(lines.map(line => tokenizer.encode(line, null, {addSpecialTokens: false})))
        .then(all => fs.writeFileSync(
                  out + name + '.ids', all.map(e => Array.from(e.getIds()).join(' ')).join('\n') + '\n'));
}

const names = byteNames();
const spell = word => [...Buffer.from(word, 'utf8')].map(byte => names[byte]).join('');
const byteWords = corpus.match(/ ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+/g).map(spell);
const byteMerges = train(byteWords, 240);
const byteVocab = vocabulary(names, byteMerges);
const byteCount = Object.keys(byteVocab).length;
const bpe = {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false
};

const spWords = ('▁' + corpus.replace(/ /g, '▁')).match(/▁*[^▁]+/g);
const spMerges = train(spWords, 240);
const bytes = [...Array(256).keys()].map(
    b => '<0x' + b.toString(16).toUpperCase().padStart(2, '0') + '>');
const letters = [...new Set('▁' + corpus.replace(/ /g, ''))].filter(c => c !== '\n').sort();
const spVocab = vocabulary(['<unk>', '<s>', '</s>'].concat(bytes, letters), spMerges);
const fewVocab = vocabulary(['<unk>', '<s>', '</s>'].concat(letters), spMerges);
const fewCount = Object.keys(fewVocab).length;

const template = (first, id) => ({
    type: 'TemplateProcessing',
    single: [{SpecialToken: {id: first, type_id: 0}}, {Sequence: {id: 'A', type_id: 0}}],
    pair: [{Sequence: {id: 'A', type_id: 0}}, {Sequence: {id: 'B', type_id: 1}}],
    special_tokens: {[first]: {id: first, ids: [id], tokens: [first]}}
});
const byteLevel = (prefix, regex) =>
    ({type: 'ByteLevel', add_prefix_space: prefix, trim_offsets: true, use_regex: regex});
const split = (pattern, behavior, invert) => ({type: 'Split', pattern, behavior, invert: !!invert});
const llama3 = '(?i:\'s|\'t|\'re|\'ve|\'m|\'ll|\'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|' +
    ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';

(async () => {
    await write('hf-gpt2', {
        added_tokens: [added(byteCount, '<|endoftext|>')],
        pre_tokenizer: byteLevel(false, true),
        post_processor: byteLevel(true, true),
        decoder: byteLevel(true, true),
        model: Object.assign({}, bpe, {vocab: byteVocab, merges: byteMerges.map(p => p.join(' '))})
    });
    await write('hf-llama3', {
        added_tokens: [added(byteCount + 1, '<|begin_of_text|>'), added(byteCount + 2, '<|endoftext|>')],
        pre_tokenizer: {
            type: 'Sequence',
            pretokenizers: [split({Regex: llama3}, 'Isolated'), byteLevel(false, false)]
        },
        post_processor:
            {type: 'Sequence', processors: [byteLevel(true, false), template('<|begin_of_text|>', byteCount + 1)]},
        decoder: byteLevel(true, true),
        model: Object.assign({}, bpe, {
            ignore_merges: true,
            vocab: Object.assign({}, byteVocab, {[spell(' heavens')]: byteCount}),
            merges: byteMerges.map(p => p.join(' '))
        })
    });
    await write('hf-splits', {
        added_tokens: [
            added(byteCount, '<mark>', {lstrip: true, rstrip: true}),
            added(byteCount + 1, '<only>', {single_word: true, special: false})
        ],
        pre_tokenizer: {
            type: 'Sequence',
            pretokenizers: [
                split({String: ','}, 'MergedWithPrevious'), split({String: '('}, 'MergedWithNext'),
                split({Regex: '~+'}, 'Removed'), split({Regex: '[0-9]'}, 'Contiguous'),
                split({Regex: '\\p{L}+'}, 'Isolated', true),
                {type: 'Digits', individual_digits: true}, byteLevel(true, true)
            ]
        },
        decoder: byteLevel(true, true),
        model: Object.assign({}, bpe, {vocab: byteVocab, merges: byteMerges.map(p => p.join(' '))})
    });
    await write('hf-llama2', {
        added_tokens: [
            added(0, '<unk>', {normalized: true}), added(1, '<s>'), added(2, '</s>', {normalized: true})
        ],
        normalizer: {
            type: 'Sequence',
            normalizers: [
                {type: 'Prepend', prepend: '▁'},
                {type: 'Replace', pattern: {String: ' '}, content: '▁'}
            ]
        },
        post_processor: template('<s>', 1),
        decoder: {
            type: 'Sequence',
            decoders: [
                {type: 'Replace', pattern: {String: '▁'}, content: ' '}, {type: 'ByteFallback'},
                {type: 'Fuse'}, {type: 'Strip', content: ' ', start: 1, stop: 0}
            ]
        },
        model: Object.assign({}, bpe, {
            unk_token: '<unk>',
            fuse_unk: true,
            byte_fallback: true,
            vocab: spVocab,
            merges: spMerges.map(p => p.join(' '))
        })
    });
    await write('hf-metaspace', {
        added_tokens: [
            added(0, '<unk>'), added(1, '<s>'), added(2, '</s>'),
            added(fewCount, '<mark>', {special: false, normalized: true})
        ],
        normalizer: {type: 'Replace', pattern: {Regex: '[;:]+'}, content: '.'},
        pre_tokenizer: {type: 'Metaspace', replacement: '▁', add_prefix_space: true},
        decoder: {type: 'Metaspace', replacement: '▁', add_prefix_space: true},
        model: Object.assign(
            {}, bpe, {unk_token: '<unk>', fuse_unk: false, vocab: fewVocab, merges: spMerges.map(p => p.join(' '))})
    });
})();
