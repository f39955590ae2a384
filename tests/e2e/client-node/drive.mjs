// Drives the gateway that KUBECONFIG names with @kubernetes/client-node; prints "ok - CASE" and "not ok - CASE".
import * as k8s from '@kubernetes/client-node';
import { isDeepStrictEqual } from 'node:util';

const namespace = 'default';
const config = new k8s.KubeConfig();
config.loadFromDefault();
const core = config.makeApiClient(k8s.CoreV1Api);
const apps = config.makeApiClient(k8s.AppsV1Api);

function is(what, got, wanted) {
    const same = isDeepStrictEqual(got, wanted);
    console.log(same ? `ok - ${what}` : `not ok - ${what}\n     got:    ${JSON.stringify(got)}\n     wanted: ${JSON.stringify(wanted)}`);
}

async function refused(what, code, reason, promise) {
    try {
        await promise;
        is(what, 'accepted', code);
    } catch (error) {
        if (error.code === undefined) throw error;
        is(what, [error.code, JSON.parse(error.body).reason], [code, reason]);
    }
}

// until SECONDS, WHAT it waits for: what TEST gives, once that is true.
async function until(seconds, what, test) {
    const end = Date.now() + seconds * 1000;
    let got;
    while (!(got = await test()) && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 50));
    is(what, Boolean(got), true);
    return got;
}

const map = (name, data, labels) => ({ metadata: { name, labels }, data });
const create = (body) => core.createNamespacedConfigMap({ namespace, body });

async function aLife() {
    const made = await create(map('one', { a: 'b' }));
    is('create gives it a uid', made.metadata.uid.length, 36);
    is('times are dates', made.metadata.creationTimestamp instanceof Date, true);
    await refused('create once more', 409, 'AlreadyExists', create(map('one', {})));
    await refused('a name that is none', 422, 'Invalid', create(map('No_Name', {})));
    await refused('what is not there', 404, 'NotFound', core.readNamespacedConfigMap({ name: 'none', namespace }));
    made.data.c = 'd';
    const replaced = await core.replaceNamespacedConfigMap({ name: 'one', namespace, body: made });
    is('replace', replaced.data, { a: 'b', c: 'd' });
    await refused('replace of an old version', 409, 'Conflict',
        core.replaceNamespacedConfigMap({ name: 'one', namespace, body: made }));
}

async function lists() {
    for (let i = 0; i < 5; i++) await create(map(`many-${i}`, {}, { of: 'many' }));
    let pages = 0, names = [], _continue;
    do {
        const page = await core.listNamespacedConfigMap({ namespace, labelSelector: 'of=many', limit: 2, _continue });
        names.push(...page.items.map((item) => item.metadata.name));
        _continue = page.metadata._continue;
        pages++;
    } while (_continue);
    is('a list in pages', [pages, names], [3, [0, 1, 2, 3, 4].map((i) => `many-${i}`)]);
    await core.deleteCollectionNamespacedConfigMap({ namespace, labelSelector: 'of=many' });
    is('deletecollection', (await core.listNamespacedConfigMap({ namespace, labelSelector: 'of=many' })).items, []);
}

async function patches() {
    const body = { metadata: { name: 'web' }, spec: { selector: { matchLabels: { app: 'web' } }, template: {
        metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'app', image: 'busybox:1' }] } } } };
    is('a deployment is defaulted', (await apps.createNamespacedDeployment({ namespace, body })).spec.replicas, 1);
    const patch = (strategy, change, more = {}) => apps.patchNamespacedDeployment(
        { name: 'web', namespace, body: change, ...more }, k8s.setHeaderOptions('Content-Type', strategy));
    const strategic = await patch(k8s.PatchStrategy.StrategicMergePatch,
        { spec: { template: { spec: { containers: [{ name: 'side', image: 'busybox:2' }] } } } });
    is('strategic patch', strategic.spec.template.spec.containers.map((each) => each.name), ['side', 'app']);
    is('merge patch', (await patch(k8s.PatchStrategy.MergePatch, { spec: { replicas: 3 } })).spec.replicas, 3);
    is('JSON patch', (await patch(k8s.PatchStrategy.JsonPatch, [{ op: 'replace', path: '/spec/replicas', value: 4 }])).spec.replicas, 4);
    await refused('whose test does not hold', 422, 'Invalid',
        patch(k8s.PatchStrategy.JsonPatch, [{ op: 'test', path: '/spec/replicas', value: 9 }]));
    const apply = (image, fieldManager, force) => patch(k8s.PatchStrategy.ServerSideApply, { apiVersion: 'apps/v1', kind: 'Deployment',
        metadata: { name: 'web' }, spec: { template: { spec: { containers: [{ name: 'app', image }] } } } }, { fieldManager, force });
    await apply('busybox:1', 'one');
    await refused('server-side apply: a conflict', 409, 'Conflict', apply('busybox:9', 'two'));
    const applied = await apply('busybox:9', 'two', true);
    is('by force', applied.spec.template.spec.containers.find((each) => each.name === 'app').image, 'busybox:9');
    const scale = await apps.readNamespacedDeploymentScale({ name: 'web', namespace });
    scale.spec.replicas = 2;
    is('scale', (await apps.replaceNamespacedDeploymentScale({ name: 'web', namespace, body: scale })).spec.replicas, 2);
    await apps.deleteNamespacedDeployment({ name: 'web', namespace, propagationPolicy: 'Background' });
}

async function objects() {
    const client = k8s.KubernetesObjectApi.makeApiClient(config);
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'plain', namespace }, spec: { ports: [{ port: 80 }] } };
    is('the object client creates', (await client.create(service)).spec.ports[0].protocol, 'TCP');
    is('reads', (await client.read(service)).metadata.name, 'plain');
    is('patches', (await client.patch({ ...service, spec: { selector: { app: 'web' } } })).spec.selector, { app: 'web' });
    is('lists', (await client.list('v1', 'Service', namespace)).items.length, 1);
    await client.delete(service);
    await refused('deletes', 404, 'NotFound', client.read(service));
}

async function watches() {
    const listed = await core.listNamespacedConfigMap({ namespace });
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const life = ['ADDED seen', 'MODIFIED seen', 'DELETED seen'];
    const look = (seen) => new k8s.Watch(config).watch(path,
        { resourceVersion: listed.metadata.resourceVersion, labelSelector: 'of=watch', allowWatchBookmarks: true },
        (type, object) => { if (type !== 'BOOKMARK') seen.push(`${type} ${object.metadata.name}`); }, () => {});
    const first = [], second = [];
    const controller = await look(first);
    await create(map('seen', {}, { of: 'watch' }));
    await core.patchNamespacedConfigMap({ name: 'seen', namespace, body: { data: { a: 'b' } } },
        k8s.setHeaderOptions('Content-Type', k8s.PatchStrategy.MergePatch));
    await core.deleteNamespacedConfigMap({ name: 'seen', namespace });
    await until(20, 'a watch comes to the end of a life', () => first.length >= 3);
    is('a watch sees a life', first, life);
    controller.abort();
    const again = await look(second);
    await until(20, 'so does another from the same version', () => second.length >= 3);
    is('it sees the same', second, life);
    again.abort();
}

async function informs() {
    const seen = [];
    const informer = k8s.makeInformer(config, `/api/v1/namespaces/${namespace}/configmaps`,
        () => core.listNamespacedConfigMap({ namespace }));
    for (const what of ['add', 'update', 'delete']) informer.on(what, (object) => seen.push(`${what} ${object.metadata.name}`));
    let error;
    informer.on('error', (cause) => { error = cause; });
    await informer.start();
    await until(20, 'an informer has what is', () => informer.get('one', namespace));
    await create(map('late', {}));
    await until(20, 'and what comes', () => seen.includes('add late'));
    await core.patchNamespacedConfigMap({ name: 'late', namespace, body: { data: { a: 'b' } } },
        k8s.setHeaderOptions('Content-Type', k8s.PatchStrategy.MergePatch));
    await until(20, 'and changes', () => informer.get('late', namespace)?.data?.a === 'b');
    await core.deleteNamespacedConfigMap({ name: 'late', namespace });
    await until(20, 'and goes', () => seen.includes('delete late') && !informer.get('late', namespace));
    is('without an error', error, undefined);
    await informer.stop();
}

async function pods() {
    const body = { metadata: { name: 'runs' }, spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'main',
        image: 'busybox:latest', imagePullPolicy: 'IfNotPresent', command: ['sh', '-c',
            'echo from node; trap "exit 0" TERM; while :; do sleep 0.1; done'] }] } };
    await core.createNamespacedPod({ namespace, body });
    await until(30, 'a pod runs', async () => (await core.readNamespacedPod({ name: 'runs', namespace })).status.phase === 'Running');
    const log = await until(10, 'it says something', () => core.readNamespacedPodLog({ name: 'runs', namespace }));
    is('its log', log, 'from node\n');
    await core.deleteNamespacedPod({ name: 'runs', namespace });
    await until(30, 'it is gone', async () => (await core.listNamespacedPod({ namespace })).items.length === 0);
}

for (const part of [aLife, lists, patches, objects, watches, informs, pods]) await part();
process.exit(0); // whatever keeps connections
