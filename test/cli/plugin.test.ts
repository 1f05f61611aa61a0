import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { load } from 'js-yaml';
import type { ObjectChange } from '../../src/cli/objectDiff.ts';
import type { KubeRequest, KubeResponse } from '../../src/cluster/transport.ts';
import { openScene, policy, ROOT, rollout, runPlugin, type Scene, SHOP, shopObjects } from './scene.ts';
import { soaking } from './statuses.ts';

const USAGE_HINT = '"kubectl mtlsrollout --help" says more\n';

function forbidden(verb: string, resource: string, group: string, where: string): KubeResponse {
  const full = group === '' ? resource : `${resource}.${group}`;
  const message = `${full} is forbidden: User "jane" cannot ${verb} resource "${resource}" in API group "${group}" in the namespace "${where}"`;
  const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Forbidden', code: 403, message };
  return { status: 403, headers: { 'content-type': 'application/json' }, body };
}

describe('kubectl mtlsrollout', function () {
  this.timeout(30_000);
  this.slow(3000);
  let scene: Scene;

  beforeEach(async () => {
    scene = await openScene();
    for (const object of shopObjects()) scene.cluster.put(object);
  });
  afterEach(() => scene.close());

  const stored = (namespace = ROOT, name = 'shop') =>
    scene.cluster.get('mtlsrollout.io/v1alpha1', 'MtlsRollout', namespace, name);
  const annotation = () => stored()?.metadata.annotations?.['mtlsrollout.io/retry'];
  const suspended = () => (stored() as unknown as { spec: { suspend?: boolean } }).spec.suspend;

  describe('status', () => {
    const workload = (namespace: string, name: string, env: object[] = []) => ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { namespace, name },
      spec: {
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: { app: name } },
          spec: { containers: [{ name, ports: [{ containerPort: 8080 }], env }] },
        },
      },
    });
    const service = (namespace: string, name: string) => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace, name },
      spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }] },
    });

    beforeEach(() => {
      scene.cluster.put({
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: 'ad', labels: { 'istio-injection': 'enabled' } },
      });
      for (const object of [
        workload('ad', 'ads'),
        service('ad', 'ads'),
        workload('email', 'sender', [{ name: 'ADS', value: 'ads.ad:80' }]),
      ])
        scene.cluster.put(object);
    });

    it('shows every port of the workloads of a namespace, and who may be a client', async () => {
      const { code, out, err } = await scene.spawn('status', '-n', 'ad');
      assert.deepEqual([code, err], [0, '']);
      assert.equal(
        out,
        `NAMESPACE  WORKLOAD        PORT  MODE    DECIDED BY  DATA PLANE  CLIENTS
ad         Deployment/ads  8080  STRICT  ad/default  Sidecar     named by email/sender (no sidecar)
`,
      );
    });

    it('shows those of all namespaces, and more with -o wide', async () => {
      const { out } = await scene.run('status', '-A', '-o', 'wide');
      assert.equal(
        out,
        `NAMESPACE  WORKLOAD           PORT  MODE            DECIDED BY  DATA PLANE  PODS          SERVICES  RULE FOR CLIENTS  CLIENTS
ad         Deployment/ads     8080  STRICT          ad/default  Sidecar     1 (template)  ads:80    auto              named by email/sender (no sidecar)
email      Deployment/sender  8080  none, no proxy  -           none        1 (template)  -         -
`,
      );
      const { items } = JSON.parse((await scene.run('status', '-A', '-o', 'json')).out) as { items: object[] };
      assert.deepEqual(items[1], {
        namespace: 'email',
        workload: 'Deployment/sender',
        port: 8080,
        dataPlane: 'None',
        pods: 1,
        foretold: true,
        mode: 'None',
        why: 'no proxy',
        services: [],
        clients: [],
      });
    });

    it('says so on the other channel where there is nothing, and what may not be seen', async () => {
      assert.deepEqual(await scene.run('status', '-n', 'cart'), {
        code: 0,
        out: '',
        err: 'There are no workloads here.\n',
      });
      scene.intercept = (request, proceed) =>
        /\/api\/v1\/namespaces$|\/apps\/v1\/deployments$/.test(request.path)
          ? Promise.resolve(forbidden('list', request.path.split('/').at(-1) ?? '', '', ''))
          : proceed();
      const { err } = await scene.run('status', '-n', 'ad');
      assert.match(err, /^Note: you may not list namespaces: whether clients elsewhere have a proxy is not known$/m);
      assert.match(err, /^Note: you may not list deployments\.apps in all namespaces: what is missing here cannot/m);
    });
  });

  describe('hazards', () => {
    it('finds what an inventory of the cluster shows', async () => {
      scene.cluster.put(rollout('ad', 'own', { target: { namespace: {} } }));
      scene.cluster.put(rollout('email', 'own', { target: { namespace: {} } }));
      scene.cluster.put(policy('ad', 'default', 'PERMISSIVE'));
      scene.cluster.put({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { namespace: 'email', name: 'outside' },
        spec: { selector: { matchLabels: { app: 'a' } }, template: { metadata: { labels: { app: 'a' } }, spec: {} } },
      });
      const clean = await scene.run('hazards', '-n', 'ad');
      assert.equal(clean.out, 'MtlsRollout ad/own\n\nHazards  none in 1 scope\n', clean.err);
      const { out, code } = await scene.run('hazards', 'own', '-n', 'email');
      assert.match(out, /\nwarning {3}UnmeshedWorkload {2}email {2}Deployment email\/outside\n/);
      assert.equal(code, 0);
      const { items } = JSON.parse((await scene.run('hazards', '-A', '-o', 'json')).out) as { items: object[] };
      assert.equal(items.length, 2);
      assert.match((await scene.run('plan', 'own', '-n', 'email')).out, /warning: UnmeshedWorkload, email/);
    });
  });

  describe('describe', () => {
    it('shows one rollout, those of a namespace, or all', async () => {
      scene.cluster.put(rollout(ROOT, 'shop', SHOP, soaking(Date.now())));
      scene.cluster.put(rollout('ad', 'own', { target: { namespace: {} } }));
      const one = await scene.spawn('describe', 'shop', '-n', ROOT);
      assert.equal(one.code, 0, one.err);
      assert.match(one.out, /^MtlsRollout istio-system\/shop\n\nPhase {7}Soaking\n/);
      assert.match(one.out, /\nenforced {6}Healthy {2}4\/4 ports {2}4 {8}3m {3}every port that listens/);
      assert.equal((await scene.run('describe', '-n', ROOT)).out, one.out);
      const all = await scene.run('describe', '-A');
      assert.deepEqual(all.out.match(/^MtlsRollout .*/gm), ['MtlsRollout ad/own', 'MtlsRollout istio-system/shop']);
      assert.match(all.out, /the operator has not looked at this rollout yet/);
    });

    it('gives the same as JSON and YAML', async () => {
      scene.cluster.put(rollout(ROOT, 'shop', SHOP, soaking(Date.now())));
      const json = JSON.parse((await scene.run('describe', 'shop', '-n', ROOT, '-o', 'json')).out) as object;
      const yaml = load((await scene.run('describe', '-A', '-o', 'yaml')).out);
      assert.deepEqual(yaml, { items: [json] });
      const { status, ...head } = json as { status: object };
      assert.deepEqual(head, { namespace: ROOT, name: 'shop', mode: 'Enforce', suspend: false, generation: 1 });
      assert.deepEqual(status, stored()?.status);
    });

    it('says so on the other channel when there is nothing', async () => {
      assert.deepEqual(await scene.run('describe'), {
        code: 0,
        out: '',
        err: 'There are no MtlsRollouts in namespace default.\n',
      });
      const json = await scene.run('describe', '-A', '-o', 'json');
      assert.deepEqual(JSON.parse(json.out), { items: [] });
      assert.equal(json.err, 'There are no MtlsRollouts.\n');
    });
  });

  describe('plan', () => {
    it('ends with 2 where hazards block, and with 0 once they are gone', async () => {
      scene.cluster.put(rollout(ROOT, 'shop', SHOP));
      const { code, out } = await scene.spawn('plan', 'shop', '-n', ROOT);
      assert.equal(code, 2);
      assert.match(out, /\nStrict {5}1 of 4 scopes\nMesh root {2}istio-system\n/);
      assert.match(out, /\nWave leaf: 2 scopes, 2 at a time, soak 5m, plan [0-9a-f]{8}\n/);
      assert.match(out, /\ndone {2}ad {5}STRICT {6}ad\/default {7}-\n/);
      assert.match(out, /\n2 {5}cart {6}PERMISSIVE {2}cart\/default {5}patch default to STRICT\n/);
      assert.match(out, /Hazards: 1 blocking, 1 warning\n {2}blocking: Conflict, cart\n.*Argo CD application shop/);
      scene.cluster.put(policy('cart', 'default', 'PERMISSIVE'));
      const clean = await scene.run('plan', 'shop', '-n', ROOT);
      assert.equal(clean.code, 0);
      assert.match(clean.out, /Hazards: 1 warning\n {2}warning: WaveNameUnmatched, wave leaf\n/);
    });

    it('reads the workloads where those are the unit', async () => {
      for (const name of ['web', 'db'])
        scene.cluster.put({
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: { namespace: 'email', name },
          spec: {
            selector: { matchLabels: { app: name } },
            template: { metadata: { labels: { app: name } }, spec: {} },
          },
        });
      scene.cluster.put(rollout('email', 'own', { target: { namespace: {} }, strategy: { unit: 'Workload' } }));
      const { code, out } = await scene.run('plan', '-n', 'email');
      assert.equal(code, 0, out);
      assert.match(out, /\n1 {5}email\/db {3}PERMISSIVE {2}Istio's default {2}create mtls-rollout-db as PERMISSIVE/);
      assert.match(out, /\n2 {5}email\/web /);
    });

    it('looks up where the mesh root namespace is, or is told', async () => {
      scene.cluster.put({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { namespace: ROOT, name: 'istio' },
        data: { mesh: 'rootNamespace: checkout\n' },
      });
      scene.cluster.put(rollout(ROOT, 'shop', SHOP));
      const refused = await scene.run('plan', '-n', ROOT);
      assert.equal(refused.code, 2);
      assert.match(refused.out, /^Refused {2}NotInRootNamespace: .*mesh root namespace checkout;/m);
      assert.match(refused.out, /Nothing is planned until this is resolved\./);
      const told = await scene.run('plan', '-n', ROOT, '--root-namespace', ROOT);
      assert.match(told.out, /\nWave leaf: /);
    });

    it('gives the plan as JSON, hash and writes included', async () => {
      scene.cluster.put(rollout(ROOT, 'shop', SHOP));
      const { out } = await scene.run('plan', 'shop', '-n', ROOT, '-o', 'json');
      const report = JSON.parse(out) as {
        plan: string;
        blocking: number;
        waves: { scopes: { changes?: ObjectChange[] }[] }[];
      };
      assert.match(report.plan, /^[0-9a-f]{8}$/);
      assert.equal(report.blocking, 1);
      const { changes, ...email } = report.waves[0]?.scopes[1] ?? {};
      assert.deepEqual(
        changes?.map(({ object, before, after }) => [object, before, after?.spec]),
        [['PeerAuthentication email/mtls-rollout', undefined, { mtls: { mode: 'STRICT' } }]],
      );
      assert.deepEqual(email, {
        scope: 'email',
        step: 1,
        mode: 'PERMISSIVE',
        writes: [
          { verb: 'create', object: 'PeerAuthentication email/mtls-rollout', mode: 'PERMISSIVE' },
          { verb: 'patch', object: 'PeerAuthentication email/mtls-rollout', mode: 'STRICT' },
        ],
      });
    });

    it('writes nothing', async () => {
      scene.cluster.put(rollout(ROOT, 'shop', SHOP));
      const { revision } = scene.cluster;
      for (const command of ['plan', 'hazards', 'describe', 'status']) await scene.run(command, '-A');
      assert.equal(scene.cluster.revision, revision);
    });

    it('plans what a tenant may see, and says what that leaves open', async () => {
      scene.cluster.put(rollout('checkout', 'own', { target: { namespace: {} } }));
      scene.intercept = (request, proceed) =>
        request.path.endsWith(`/namespaces/${ROOT}/mtlsrollouts`)
          ? Promise.resolve(forbidden('list', 'mtlsrollouts', 'mtlsrollout.io', ROOT))
          : proceed();
      const { code, out } = await scene.run('plan', '-n', 'checkout');
      assert.equal(code, 0, out);
      assert.match(out, /\n1 {5}checkout {2}PERMISSIVE /);
      assert.match(out, /\nNote: you may not list the MtlsRollouts of istio-system: /);
    });
  });

  describe('retry', () => {
    it('annotates a rollout that was rolled back, bound to the version it saw', async () => {
      scene.cluster.put(rollout(ROOT, 'shop', SHOP, { ...soaking(Date.now()), phase: 'RolledBack' }));
      const patches: KubeRequest[] = [];
      scene.intercept = (request, proceed) => {
        if (request.method === 'PATCH') patches.push(request);
        return proceed();
      };
      const version = stored()?.metadata.resourceVersion;
      const { code, out } = await scene.run('retry', 'shop', '-n', ROOT);
      assert.equal(code, 0);
      assert.match(annotation() ?? '', /^\d{4}-\d\d-\d\dT/);
      assert.equal(out, `MtlsRollout istio-system/shop tries again (mtlsrollout.io/retry is ${annotation()})\n`);
      assert.deepEqual(
        patches.map(({ body }) => (body as { metadata: { resourceVersion: string } }).metadata.resourceVersion),
        [version],
      );
    });

    it('looks again when the operator wrote meanwhile, and gives up when that never ends', async () => {
      scene.cluster.put(rollout(ROOT, 'shop', SHOP, { phase: 'Paused' }));
      let left = 1;
      let round = 0;
      scene.intercept = (request, proceed) => {
        if (request.method === 'PATCH' && left-- > 0)
          scene.cluster.put(rollout(ROOT, 'shop', SHOP, { phase: 'Paused', message: `look ${round++}` }));
        return proceed();
      };
      assert.equal((await scene.run('retry', 'shop', '-n', ROOT)).code, 0);
      const first = annotation();
      assert.ok(first);
      left = Infinity;
      const { code, err } = await scene.run('retry', 'shop', '-n', ROOT);
      assert.equal(code, 1);
      assert.equal(err, 'error: MtlsRollout istio-system/shop changed 3 times meanwhile; try again\n');
      assert.equal(round, 4);
    });

    it('leaves a rollout alone that was not rolled back or paused', async () => {
      scene.cluster.put(rollout(ROOT, 'shop', SHOP, soaking(Date.now())));
      const { revision } = scene.cluster;
      const { code, err } = await scene.run('retry', 'shop', '-n', ROOT);
      assert.equal(code, 1);
      assert.equal(
        err,
        'error: MtlsRollout istio-system/shop was not rolled back or paused (it is Soaking): there is nothing to retry\n',
      );
      assert.equal(scene.cluster.revision, revision);
    });
  });

  describe('approve', () => {
    const GATED = { ...SHOP, strategy: { waves: [{ ...SHOP.strategy!.waves![0]!, approval: 'Required' as const }] } };
    const given = () => stored()?.metadata.annotations?.['mtlsrollout.io/approve'];
    const wave = (plan: string) => ({ name: 'leaf', phase: 'Pending' as const, done: 1, total: 2, plan });
    let plan = '';

    beforeEach(async () => {
      scene.cluster.put(rollout(ROOT, 'shop', GATED));
      const { out } = await scene.run('plan', 'shop', '-n', ROOT, '-o', 'json');
      plan = (JSON.parse(out) as { waves: { plan: string }[] }).waves[0]!.plan;
      scene.cluster.put(rollout(ROOT, 'shop', GATED, { waves: [wave(plan)] }));
    });

    it('annotates the plan that the operator has seen, and says how much it is', async () => {
      const { code, out, err } = await scene.run('approve', 'shop', 'leaf', '-n', ROOT, '--by', 'alice');
      assert.deepEqual([code, err], [0, '']);
      assert.equal(
        out,
        `MtlsRollout istio-system/shop: alice approves wave leaf, plan ${plan}: 2 scopes, of which 1 to move, with 1 object to change\n`,
      );
      assert.equal(given(), `leaf=${plan} by alice`);
      const again = await scene.run('approve', 'shop', 'leaf', '-n', ROOT, '--by', 'bob');
      assert.equal(again.out, `wave leaf: plan ${plan} was approved by alice already; nothing was changed\n`);
    });

    it('refuses a plan that is not the one of the status', async () => {
      scene.cluster.put(rollout(ROOT, 'shop', GATED, { waves: [wave('00000000')] }));
      const { code, err } = await scene.run('approve', 'shop', 'leaf', '-n', ROOT, '--by', 'alice');
      assert.equal(code, 1);
      assert.match(
        err,
        new RegExp(`^error: wave leaf is ${plan} now, and the operator's last look gave 00000000: nothing`),
      );
      assert.equal(given(), undefined);
    });

    it('looks again when something came in between', async () => {
      let left = 1;
      scene.intercept = (request, proceed) => {
        if (request.method === 'PATCH' && left-- > 0)
          scene.cluster.put(rollout(ROOT, 'shop', GATED, { waves: [wave('00000000')] }));
        return proceed();
      };
      const { code, err } = await scene.run('approve', 'shop', 'leaf', '-n', ROOT, '--by', 'alice');
      assert.deepEqual([code, given()], [1, undefined]);
      assert.match(err, /nothing is approved/);
    });

    for (const [what, args, problem] of [
      [
        'a wave that needs none',
        ['approve', 'shop', 'rest', '--by', 'alice'],
        /wave rest needs no approval; .* leaf does/,
      ],
      ['a name that the annotation cannot hold', ['approve', 'shop', 'leaf', '--by', 'a, b'], /--by must be/],
      ['nobody', ['approve', 'shop', 'leaf'], /does not say who you are: say it with --by/],
    ] as const)
      it(`refuses ${what}`, async () => {
        const { code, err } = await scene.run(...args, '-n', ROOT);
        assert.equal(code, 1);
        assert.match(err, problem);
        assert.equal(given(), undefined);
      });
  });

  it('suspend and resume set spec.suspend, once', async () => {
    scene.cluster.put(rollout(ROOT, 'shop', SHOP));
    const held = await scene.spawn('suspend', 'shop', '-n', ROOT);
    assert.match(held.out, /^MtlsRollout istio-system\/shop is suspended: /);
    assert.equal(suspended(), true);
    const { revision } = scene.cluster;
    const again = await scene.run('suspend', 'shop', '-n', ROOT);
    assert.equal(again.out, 'MtlsRollout istio-system/shop is suspended already; nothing was changed\n');
    assert.equal(scene.cluster.revision, revision);
    const on = await scene.run('resume', 'shop', '-n', ROOT);
    assert.equal(on.out, 'MtlsRollout istio-system/shop goes on\n');
    assert.equal(suspended(), false);
    const managers = stored()?.metadata.managedFields as { manager: string }[];
    assert.ok(managers.some(({ manager }) => manager === 'kubectl-mtlsrollout'));
  });

  describe('where it reaches the cluster', () => {
    const kubeconfig = (url: string) =>
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [{ name: 'here', cluster: { server: url } }],
        users: [{ name: 'jane', user: { token: 'a-secret-token' } }],
        contexts: [
          { name: 'mesh', context: { cluster: 'here', user: 'jane', namespace: ROOT } },
          { name: 'plain', context: { cluster: 'here', user: 'jane' } },
        ],
        'current-context': 'mesh',
      });

    it('takes server and namespace from the context', async () => {
      const file = join(scene.home, 'config');
      writeFileSync(file, kubeconfig(scene.url));
      scene.cluster.put(rollout(ROOT, 'shop', SHOP));
      const usual = await runPlugin(scene.home, ['describe', '--kubeconfig', file]);
      assert.match(usual.out, /^MtlsRollout istio-system\/shop\n/, usual.err);
      const other = await runPlugin(scene.home, ['describe', '--kubeconfig', file, '--context', 'plain']);
      assert.equal(other.err, 'There are no MtlsRollouts in namespace default.\n');
      const unknown = await runPlugin(scene.home, ['describe', '--kubeconfig', file, '--context', 'nowhere']);
      assert.equal(unknown.code, 1);
      assert.equal(unknown.err, 'error: the kubeconfig has no context "nowhere": use one of mesh, plain\n');
    });

    it('sends no credentials where everybody could read them', async () => {
      const seen: (string | undefined)[] = [];
      const server = createServer((request, response) => {
        seen.push(request.headers.authorization);
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ items: [], metadata: { resourceVersion: '1' } }));
      });
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const file = join(scene.home, 'config');
      writeFileSync(file, kubeconfig(url));
      await runPlugin(scene.home, ['describe', '--kubeconfig', file]);
      writeFileSync(file, kubeconfig('https://127.0.0.1:1'));
      await runPlugin(scene.home, ['describe', '--kubeconfig', file, '--server', url]);
      assert.deepEqual(seen, [undefined, undefined]);
      server.close();
    });

    it('says in one line why it cannot', async () => {
      const missing = await runPlugin(scene.home, ['describe', '--kubeconfig', join(scene.home, 'none')]);
      assert.equal(missing.code, 1);
      assert.match(missing.err, /^error: cannot read the kubeconfig .*none: there is no such file; .*--kubeconfig\n$/);
      writeFileSync(join(scene.home, 'broken'), 'a: [');
      const broken = await runPlugin(scene.home, ['describe', '--kubeconfig', join(scene.home, 'broken')]);
      assert.match(broken.err, /^error: cannot read the kubeconfig .*broken: .*\n$/);
      const closed = await openScene();
      await closed.close();
      const refused = await runPlugin(scene.home, ['describe', '--server', closed.url]);
      assert.equal(refused.code, 1);
      assert.match(refused.err, /^error: cannot reach the API server .*connection refused.*; check --server, .*\n$/);
    });
  });

  describe('what goes wrong', () => {
    it('names the rollouts that are there', async () => {
      scene.cluster.put(rollout(ROOT, 'shop', SHOP));
      for (const command of ['describe', 'hazards', 'plan', 'retry', 'suspend', 'resume']) {
        const { code, out, err } = await scene.run(command, 'shpo', '-n', ROOT);
        assert.deepEqual([code, out], [1, '']);
        assert.equal(err, 'error: no MtlsRollout istio-system/shpo: in this namespace there is shop\n');
      }
      const { err } = await scene.run('describe', 'shop');
      assert.match(
        err,
        /^error: no MtlsRollout default\/shop: there is none in this namespace; .*describe -A" shows all\n$/,
      );
    });

    it('says which right is missing', async () => {
      scene.cluster.put(rollout(ROOT, 'shop', SHOP));
      scene.intercept = (request, proceed) =>
        request.path.includes('/peerauthentications')
          ? Promise.resolve(forbidden('list', 'peerauthentications', 'security.istio.io', 'shop'))
          : proceed();
      const { code, out, err } = await scene.run('plan', '-n', ROOT);
      assert.deepEqual([code, out], [1, '']);
      assert.match(err, /^error: .*the user jane lacks the verb "list" on peerauthentications\.security\.istio\.io/);
      assert.equal(err.split('\n').length, 2);
      scene.intercept = (request, proceed) =>
        request.path.endsWith('/configmaps') ? Promise.resolve(forbidden('list', 'configmaps', '', ROOT)) : proceed();
      assert.match((await scene.run('plan', '-n', ROOT)).err, /; or say where it is with --root-namespace\n$/);
    });

    it('says that the definition is not installed', async () => {
      const bare = await openScene({ crds: [] });
      for (const argv of [['describe'], ['describe', 'shop'], ['plan', '-A'], ['retry', 'shop']]) {
        const { code, err } = await bare.run(...argv);
        assert.equal(code, 1);
        assert.match(
          err,
          /^error: this cluster does not know MtlsRollout: install .*kubectl apply -k config\/crd.*\n$/,
        );
      }
      await bare.close();
    });

    it("says that Istio's definitions are not installed", async () => {
      scene.cluster.put(rollout(ROOT, 'shop', SHOP));
      const definition = 'peerauthentications.security.istio.io';
      scene.cluster.remove('apiextensions.k8s.io/v1', 'CustomResourceDefinition', '', definition);
      const { code, err } = await scene.run('plan', '-n', ROOT);
      assert.equal(code, 1);
      assert.equal(err, "error: this cluster does not know PeerAuthentication: Istio's CRDs are not installed\n");
    });

    it('ends with 64 and the usage line when it is used wrongly', async () => {
      assert.deepEqual(await scene.spawn('retry'), {
        code: 64,
        out: '',
        err: `retry needs the name of a MtlsRollout\nusage: kubectl mtlsrollout retry NAME [-n NAMESPACE]\n${USAGE_HINT}`,
      });
    });
  });

  it('prints help and version', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    assert.deepEqual(await runPlugin(scene.home, ['--version']), { code: 0, out: `${version}\n`, err: '' });
    const help = await runPlugin(scene.home, ['plan', '--help']);
    assert.equal(help.code, 0);
    assert.ok(help.out.split('\n').every(line => line.length <= 100));
  });
});
