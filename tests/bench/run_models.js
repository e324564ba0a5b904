// SPDX-License-Identifier: GPL-3.0-or-later
//
// ONNX Runtime's side of bench_models: runs one model whenever it is told to.
//
//     GRADUS_ONNXRUNTIME=FOLDER node run_models.js MODEL THREADS DIMS INPUT OUTPUT
//
// FOLDER holds node_modules with onnxruntime-node. DIMS: of the input, "1,3,224,224"; INPUT: its
// floats, OUTPUT: where those of the first output go, all little-endian. Tells "ready", then reads
// lines: "run" runs the model and tells the seconds, "memory" tells the largest memory ever held
// and the memory held before the model was opened, in KiB.
'use strict';

const fs = require('fs');
const path = require('path');
const readline = require('readline');

const [model, threads, dims, input, output] = process.argv.slice(2);
const folder = path.resolve(process.env.GRADUS_ONNXRUNTIME || '.');
const ort = require(require.resolve('onnxruntime-node', { paths: [folder] }));

function kibibytes(name) {
    const line = fs.readFileSync('/proc/self/status', 'utf8').split('\n')
        .find((text) => text.startsWith(name + ':'));
    return Number(line.split(/\s+/)[1]);
}

async function main() {
    const before = kibibytes('VmRSS');
    const session = await ort.InferenceSession.create(model, {
        graphOptimizationLevel: 'all',
        executionMode: 'sequential',
        intraOpNumThreads: Number(threads),
        interOpNumThreads: 1,
        logSeverityLevel: 3,
    });
    const bytes = fs.readFileSync(input);
    const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset,
                                                       bytes.byteOffset + bytes.length));
    const feeds = {};
    feeds[session.inputNames[0]] = new ort.Tensor('float32', values, dims.split(',').map(Number));
    const result = await session.run(feeds);
    const first = result[session.outputNames[0]].data;
    fs.writeFileSync(output, Buffer.from(first.buffer, first.byteOffset, first.byteLength));
    console.log('ready');
    for await (const line of readline.createInterface({ input: process.stdin })) {
        if (line === 'run') {
            const start = process.hrtime.bigint();
            await session.run(feeds);
            console.log(Number(process.hrtime.bigint() - start) * 1e-9);
        } else if (line === 'memory') {
            console.log(`${kibibytes('VmHWM')} ${before}`);
        }
    }
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
