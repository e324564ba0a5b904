// SPDX-License-Identifier: GPL-3.0-or-later
//
// Runs models through ONNX Runtime and writes what they give.
//
//     GRADUS_ONNXRUNTIME=FOLDER node run.js MANIFEST
//
// FOLDER holds node_modules with onnxruntime-node. MANIFEST is a JSON file: a list of
// {"name", "model", "inputs": [{"name", "type", "dims", "file"}], "output": PREFIX}; files are raw
// little-endian doubles, whatever the type. For each model PREFIX.json tells the outputs' shapes, or
// an error, and PREFIX.N.bin holds output N as doubles.
'use strict';

const fs = require('fs');
const path = require('path');

const folder = process.env.GRADUS_ONNXRUNTIME;
if (!folder) {
    console.error('GRADUS_ONNXRUNTIME is not set');
    process.exit(2);
}
const ort = require(require.resolve('onnxruntime-node', { paths: [path.resolve(folder)] }));

const makers = {
    float32: Float32Array,
    float64: Float64Array,
    int64: BigInt64Array,
    int32: Int32Array,
    int8: Int8Array,
    uint8: Uint8Array,
    bool: Uint8Array,
};

function doubles(file) {
    const bytes = fs.readFileSync(file);
    return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

function tensorOf(input) {
    const values = doubles(input.file);
    const Maker = makers[input.type];
    if (!Maker) {
        throw new Error('no tensors of type ' + input.type);
    }
    const data = input.type === 'int64' ? BigInt64Array.from(values, (v) => BigInt(v))
                                        : Maker.from(values);
    return new ort.Tensor(input.type, data, input.dims);
}

async function run(test) {
    // 'basic' rounds nothing that the model does not round; higher levels fuse quantized products.
    const session = await ort.InferenceSession.create(test.model, {
        graphOptimizationLevel: 'basic',
        intraOpNumThreads: 1,
        logSeverityLevel: 3,
    });
    const feeds = {};
    for (const input of test.inputs) {
        feeds[input.name] = tensorOf(input);
    }
    const results = await session.run(feeds);
    return session.outputNames.map((name, index) => {
        const result = results[name];
        fs.writeFileSync(`${test.output}.${index}.bin`,
                         Buffer.from(Float64Array.from(result.data, Number).buffer));
        return { name, type: result.type, dims: Array.from(result.dims, Number) };
    });
}

async function main() {
    const tests = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
    for (const test of tests) {
        let told;
        try {
            told = { outputs: await run(test) };
        } catch (error) {
            told = { error: String((error && error.message) || error) };
        }
        fs.writeFileSync(`${test.output}.json`, JSON.stringify(told));
    }
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
