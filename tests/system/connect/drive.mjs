// npm's @kubernetes/client-node on live streams; lines of "ok" and "not ok".
import * as k8s from '@kubernetes/client-node';
import net from 'node:net';
import { PassThrough, Writable } from 'node:stream';

const config = new k8s.KubeConfig();
config.loadFromFile(process.env.KUBECONFIG);
const exec = new k8s.Exec(config);

function check(what, have, want) {
    const [h, w] = [JSON.stringify(have), JSON.stringify(want)];
    console.log(`${h === w ? 'ok' : 'not ok'} - client-node: ${what}`);
    if (h !== w) console.log(`     got: ${h}, wanted: ${w}`);
}

function sink() {
    const chunks = [];
    const stream = new Writable({ write(chunk, encoding, done) { chunks.push(Buffer.from(chunk)); done(); } });
    stream.text = () => Buffer.concat(chunks).toString();
    return stream;
}

async function run(command, input = null) {
    const out = sink(), err = sink();
    const status = await new Promise((done, failed) => {
        setTimeout(() => failed(new Error('no end of ' + command)), 20000).unref();
        exec.exec('default', 'web', 'a', command, out, err, input, false, done).catch(failed);
    });
    return { status, out: out.text(), err: err.text() };
}

const told = await run(['echo', 'hi']);
check('what a program says', [told.status.status, told.out], ['Success', 'hi']);
check('and on the other way', (await run(['err', 'oops'])).err, 'oops');
const three = await run(['exit', '3']);
check('its exit code', [three.status.reason, three.status.details.causes[0].message], ['NonZeroExitCode', '3']);
check('a node that goes away', (await run(['die', '504'])).status.message, 'the node is gone');
check('a megabyte from the pod', (await run(['flood', '1000000'])).out.length, 1000000);
const input = new PassThrough();
input.end('some input');
check('what it is told, and its end', (await run(['cat'], input)).out, 'some input');
check('a refusal', await run(['refuse', '404']).catch((e) => String(e.message ?? e).match(/404/)?.[0]), '404');

const forward = new k8s.PortForward(config);
const server = net.createServer((socket) => {
    forward.portForward('default', 'web', [80], socket, sink(), socket).catch((e) => console.log('not ok - ' + e));
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const answer = await new Promise((done) => {
    const socket = net.connect(server.address().port, '127.0.0.1');
    socket.on('data', (data) => { socket.destroy(); done(data.toString()); });
    socket.write('ping');
    setTimeout(() => done('nothing'), 20000).unref();
});
check('a port-forward', answer, 'ping');
process.exit(0);
