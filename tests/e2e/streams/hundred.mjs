// 100 programs of one pod at once, by @kubernetes/client-node: each says what it was told, and ends well.
import * as k8s from '@kubernetes/client-node';
import { PassThrough, Writable } from 'node:stream';

const config = new k8s.KubeConfig();
config.loadFromFile(process.env.KUBECONFIG);
const exec = new k8s.Exec(config);

const more = 'y'.repeat(20000);

// Resolves when the program has said that it runs; `end` is what it ends with.
function begin(number) {
    const input = new PassThrough();
    let text = '', began;
    const run = { input, begun: new Promise((done) => { began = done; }) };
    const output = new Writable({ write(chunk, encoding, done) { text += chunk; began(); done(); } });
    run.end = new Promise((done, failed) => {
        exec.exec('default', 'shell', 'main', ['sh', '-c', 'read word; echo begun; cat; echo $word'], output, null, input, false,
            (status) => done(status.status === 'Success' && text === `begun\n${more}word ${number}\n`)).catch(failed);
    });
    input.write(`word ${number}\n`);
    return run;
}

const runs = Array.from({ length: 100 }, (_, number) => begin(number));
await Promise.all(runs.map((run) => run.begun)); // all of them are open now
runs.forEach((run) => run.input.end(more));
console.log((await Promise.all(runs.map((run) => run.end))).filter(Boolean).length, 'right');
process.exit(0);
