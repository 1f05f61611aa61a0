/** Which rules for clients are wanted: every case, and what comes nearest to it without being one. */
import assert from 'node:assert/strict';
import type { SpecInput } from '../../src/api/schema.ts';
import type { DestinationRule } from '../../src/istio/objects.ts';
import { Situation } from '../../src/rollout/situation.ts';
import { ServedMesh } from './servedMesh.ts';

const HOST = 'web.ad.svc.cluster.local';
const WIDE = '*.ad.svc.cluster.local';
const tls = (mode: 'DISABLE' | 'SIMPLE' | 'MUTUAL' | 'ISTIO_MUTUAL') => ({ trafficPolicy: { tls: { mode } } });
const ALWAYS = { destinationRules: 'Always' } as const;
const WORKLOADS: Partial<SpecInput> = { strategy: { unit: 'Workload' } };

interface Row {
  spec?: Partial<SpecInput>;
  /** Sets the scene; there is a pod and a Service `web` in `ad` already. */
  given?: (mesh: ServedMesh) => void;
  /** Services that get a rule, and the codes of hazards with what they name. */
  rules?: string[];
  hazards?: string[];
}

function rule(where: string, spec: DestinationRule['spec'], metadata: object = {}) {
  return (mesh: ServedMesh) => mesh.putRule(where, 'theirs', spec, metadata);
}

/** A virtual machine behind the Service. */
function entry(spec: object) {
  return (mesh: ServedMesh) =>
    mesh.putRaw('WorkloadEntry', {
      metadata: { name: 'vm', namespace: 'ad' },
      spec: { address: '10.0.0.9', labels: { app: 'web' }, ...spec },
    });
}

function off(mesh: ServedMesh): void {
  mesh.autoMtls = false;
}

const ROWS: Record<string, Row> = {
  'Auto, and nothing says anything': {},
  Always: { spec: ALWAYS, rules: ['web'] },
  'Always, with two Services of one pod': {
    spec: ALWAYS,
    given: mesh => mesh.putService('ad', 'api', { selector: { app: 'web' } }),
    rules: ['web', 'api'],
  },
  'Always, and a Service without selector': {
    spec: ALWAYS,
    given: mesh => mesh.putService('ad', 'elsewhere', { selector: {} }),
    rules: ['web'],
  },
  'Always, and an ExternalName with a selector': {
    spec: ALWAYS,
    given: mesh => mesh.putService('ad', 'alias', { type: 'ExternalName', selector: { app: 'web' } }),
    rules: ['web'],
  },
  'Always, and a Service that leads nowhere, or to another namespace': {
    spec: ALWAYS,
    given: mesh => {
      mesh.putService('ad', 'nobody');
      mesh.putPod('shop', 'nobody');
      mesh.putService('shop', 'nobody');
    },
    rules: ['web'],
  },
  'Always, for a workload only its Services': {
    spec: { ...ALWAYS, ...WORKLOADS },
    given: mesh => {
      mesh.addWorkload('ad', 'web');
      mesh.putPod('ad', 'db');
      mesh.putService('ad', 'db');
    },
    rules: ['web'],
  },
  'Always, where a rule of a user says so already': {
    spec: ALWAYS,
    given: rule('ad', { host: HOST, ...tls('ISTIO_MUTUAL') }),
  },
  'Always, where a broader rule says so already': {
    spec: ALWAYS,
    given: rule('ad', { host: WIDE, ...tls('ISTIO_MUTUAL') }),
  },
  'automatic mutual TLS is off': { given: off, rules: ['web'] },
  'automatic mutual TLS is off, and Never': { spec: { destinationRules: 'Never' }, given: off },
  'a managed control plane, and a workload': {
    spec: WORKLOADS,
    given: mesh => {
      mesh.platform = 'managed-csm';
      mesh.addWorkload('ad', 'web');
    },
    rules: ['web'],
  },
  'a managed control plane, and a namespace': {
    given: mesh => {
      mesh.platform = 'managed-csm';
    },
  },
  'a namespace that is DISABLE, and a workload, of which clients are not told': {
    spec: WORKLOADS,
    given: mesh => {
      mesh.addWorkload('ad', 'web');
      mesh.putPolicy('ad', 'theirs', { mtls: { mode: 'DISABLE' } });
    },
    rules: ['web'],
  },
  'a mesh that is DISABLE, and a workload': {
    spec: WORKLOADS,
    given: mesh => {
      mesh.addWorkload('ad', 'web');
      mesh.putPolicy('istio-system', 'theirs', { mtls: { mode: 'DISABLE' } });
    },
    rules: ['web'],
  },
  'a namespace that is DISABLE, as a whole': {
    given: mesh => mesh.putPolicy('ad', 'theirs', { mtls: { mode: 'DISABLE' } }),
  },
  'Istio, and a workload': { spec: WORKLOADS, given: mesh => mesh.addWorkload('ad', 'web') },
  ...Object.fromEntries(
    (['DISABLE', 'SIMPLE', 'MUTUAL'] as const).flatMap(mode => [
      [
        `a broader rule beside the Service says ${mode}`,
        { given: rule('ad', { host: WIDE, ...tls(mode) }), rules: ['web'] },
      ],
      [
        `a broader rule of the root namespace says ${mode}`,
        { given: rule('istio-system', { host: '*.local', ...tls(mode) }), rules: ['web'] },
      ],
    ]),
  ),
  'a broader rule says ISTIO_MUTUAL': { given: rule('ad', { host: WIDE, ...tls('ISTIO_MUTUAL') }) },
  'a broader rule says nothing of TLS': { given: rule('ad', { host: WIDE, trafficPolicy: {} }) },
  'a broader rule says DISABLE of other Services': {
    given: rule('ad', { host: '*.shop.svc.cluster.local', ...tls('DISABLE') }),
  },
  'a broader rule says DISABLE, and Never': {
    spec: { destinationRules: 'Never' },
    given: rule('ad', { host: WIDE, ...tls('DISABLE') }),
  },
  'a broader rule says DISABLE of a port that goes STRICT': {
    given: rule('ad', {
      host: WIDE,
      trafficPolicy: { portLevelSettings: [{ port: { number: 80 }, tls: { mode: 'DISABLE' } }] },
    }),
    rules: ['web'],
  },
  'a broader rule says DISABLE of a port that the Service does not have': {
    given: rule('ad', {
      host: WIDE,
      trafficPolicy: { portLevelSettings: [{ port: { number: 81 }, tls: { mode: 'DISABLE' } }] },
    }),
  },
  'a broader rule says DISABLE of what stays PERMISSIVE': {
    spec: { preflight: { accept: ['WeakerPolicy'] } },
    given: mesh => {
      mesh.putPolicy('ad', 'web', { selector: { matchLabels: { app: 'web' } }, mtls: { mode: 'PERMISSIVE' } });
      mesh.putRule('ad', 'theirs', { host: WIDE, ...tls('DISABLE') });
    },
  },
  'a rule for the very host says DISABLE, which is no oversight': {
    given: rule('ad', { host: HOST, ...tls('DISABLE') }),
  },
  'a rule for the very host says DISABLE, and Always': {
    spec: ALWAYS,
    given: rule('ad', { host: 'web', ...tls('DISABLE') }),
    rules: ['web'],
  },
  'a rule in the namespace of clients says DISABLE, against which nothing helps': {
    given: rule('shop', { host: HOST, ...tls('DISABLE') }),
  },
  'a pod without sidecar behind the Service': {
    spec: ALWAYS,
    given: mesh => mesh.putPod('ad', 'old', { mesh: 'None', labels: { app: 'web' } }),
    hazards: ['RuleWithoutProxy Service ad/web: Deployment ad/old behind it: that has no sidecar'],
  },
  'a pod behind ztunnel behind the Service': {
    spec: ALWAYS,
    given: mesh => mesh.putPod('ad', 'new', { mesh: 'Ambient', labels: { app: 'web' } }),
    hazards: ['RuleWithoutProxy Service ad/web: Deployment ad/new behind it: that is behind ztunnel'],
  },
  'a pod that stays DISABLE behind the Service': {
    spec: { ...ALWAYS, preflight: { accept: ['WeakerPolicy'] } },
    given: mesh => {
      mesh.putPod('ad', 'old', { labels: { app: 'web', version: 'old' } });
      mesh.putPolicy('ad', 'old', { selector: { matchLabels: { version: 'old' } }, mtls: { mode: 'DISABLE' } });
    },
    hazards: ['RuleWithoutProxy Service ad/web: Deployment ad/old behind it: that is DISABLE on port 8080'],
  },
  'a gateway behind the Service': {
    spec: ALWAYS,
    given: mesh =>
      mesh.putRaw('Pod', {
        metadata: { name: 'edge', namespace: 'ad', labels: { app: 'web' } },
        spec: { containers: [{ name: 'istio-proxy', args: ['proxy', 'router'] }] },
      }),
    hazards: ['RuleWithoutProxy Service ad/web: Pod ad/edge behind it: that is a gateway'],
  },
  'a machine without identity behind the Service': {
    spec: ALWAYS,
    given: entry({}),
    hazards: ['RuleWithoutProxy Service ad/web: WorkloadEntry ad/vm behind it: that has no service account'],
  },
  'a machine with an identity behind the Service': {
    spec: ALWAYS,
    given: entry({ serviceAccount: 'vm' }),
    rules: ['web'],
  },
  'a Service with nothing but pods without sidecar': {
    spec: ALWAYS,
    given: mesh => {
      mesh.putPod('ad', 'old', { mesh: 'None' });
      mesh.putService('ad', 'old');
    },
    rules: ['web'],
  },
  'a pod without sidecar, and no need': {
    given: mesh => mesh.putPod('ad', 'old', { mesh: 'None', labels: { app: 'web' } }),
  },
  'Always, and a rule in the namespace of clients': {
    spec: ALWAYS,
    given: rule('shop', { host: HOST, ...tls('DISABLE') }),
    hazards: ['RuleVoid DestinationRule shop/theirs: decides for clients in shop'],
  },
  'Always, and a rule in the namespace of clients that says mutual TLS too': {
    spec: ALWAYS,
    given: rule('shop', { host: HOST, ...tls('ISTIO_MUTUAL') }),
    rules: ['web'],
  },
  'Always, and a setting of a port in the rule for the host': {
    spec: ALWAYS,
    given: rule('ad', {
      host: HOST,
      trafficPolicy: { portLevelSettings: [{ port: { number: 80 }, tls: { mode: 'DISABLE' } }] },
    }),
    hazards: ['RuleVoid DestinationRule ad/theirs: decides for clients in any other namespace and ad'],
  },
  'Always, and a setting of a port that the Service does not have': {
    spec: ALWAYS,
    given: rule('ad', {
      host: HOST,
      trafficPolicy: { portLevelSettings: [{ port: { number: 81 }, tls: { mode: 'DISABLE' } }] },
    }),
    rules: ['web'],
  },
  'Always, and a rule of the host for chosen clients': {
    spec: ALWAYS,
    given: rule('ad', { host: HOST, ...tls('DISABLE'), workloadSelector: { matchLabels: { app: 'cart' } } }),
    hazards: ['RuleVoid DestinationRule ad/theirs: decides for clients in ad'],
  },
  'Always, and a rule of the host that others do not see': {
    spec: ALWAYS,
    given: rule('ad', { host: HOST, ...tls('DISABLE'), exportTo: ['.'] }),
    hazards: ['RuleVoid Service ad/web: clients in any other namespace do not see it'],
  },
  'a broader rule, and one in the namespace of clients': {
    given: mesh => {
      mesh.putRule('ad', 'wide', { host: WIDE, ...tls('DISABLE') });
      mesh.putRule('shop', 'theirs', { host: WIDE, ...tls('DISABLE') });
    },
    hazards: ['RuleVoid DestinationRule shop/theirs: decides for clients in shop'],
  },
  'a broader rule, and one in the namespace of clients without TLS': {
    given: mesh => {
      mesh.putRule('ad', 'wide', { host: WIDE, ...tls('DISABLE') });
      mesh.putRule('shop', 'theirs', { host: WIDE, trafficPolicy: {} });
    },
    rules: ['web'],
  },
  'a rule for another host that has the name': {
    spec: ALWAYS,
    given: mesh => mesh.putRule('ad', 'mtls-rollout-client-web', { host: 'elsewhere' }),
    hazards: ['Conflict DestinationRule ad/mtls-rollout-client-web: has the name of the rule for Service ad/web'],
  },
  'DestinationRules that cannot be seen, and Always': {
    spec: ALWAYS,
    given: mesh => {
      mesh.seesRules = false;
    },
    hazards: ['RulesNotSeen DestinationRules of the cluster: those of the cluster cannot be seen'],
  },
  'DestinationRules that cannot be seen, and Auto': {
    given: mesh => {
      mesh.seesRules = false;
    },
  },
  ...Object.fromEntries(
    (
      [
        [
          'a controller',
          { ownerReferences: [{ kind: 'Tenant', name: 'shop', uid: 'u', controller: true }] },
          'Tenant shop',
        ],
        ['Argo CD', { labels: { 'argocd.argoproj.io/instance': 'shop' } }, 'Argo CD application shop'],
        ['Flux', { labels: { 'kustomize.toolkit.fluxcd.io/name': 'apps' } }, 'Flux Kustomization apps'],
        ['Helm', { annotations: { 'meta.helm.sh/release-name': 'shop' } }, 'Helm release shop'],
        ['kpt', { annotations: { 'config.k8s.io/owning-inventory': 'abc' } }, 'kpt inventory abc'],
        ['Config Sync', { annotations: { 'configmanagement.gke.io/managed': 'enabled' } }, 'Config Sync'],
        ['a writer', { managedFields: [{ manager: 'helm-controller' }] }, 'Flux helm-controller'],
      ] as const
    ).flatMap(([who, metadata, words]) => [
      [
        `a rule of the host that ${who} manages`,
        {
          spec: ALWAYS,
          given: rule('ad', { host: HOST, trafficPolicy: {} }, metadata),
          hazards: [`Conflict DestinationRule ad/theirs: is managed by ${words}, which would undo the step`],
        },
      ],
      [
        `a rule of the host that ${who} manages, with adopt Always`,
        { spec: { ...ALWAYS, adopt: 'Always' as const }, given: rule('ad', { host: HOST }, metadata), rules: ['web'] },
      ],
    ]),
  ),
  'a rule of the host that people manage': {
    spec: ALWAYS,
    given: rule('ad', { host: HOST }, { managedFields: [{ manager: 'kubectl' }] }),
    rules: ['web'],
  },
  'a rule of the host that people manage, with adopt Never': {
    spec: { ...ALWAYS, adopt: 'Never' },
    given: rule('ad', { host: HOST }),
    hazards: ['Conflict DestinationRule ad/theirs: holds its host while spec.adopt is Never'],
  },
};

describe('rules for clients that are wanted', () => {
  for (const [what, { spec, given, rules = [], hazards = [] }] of Object.entries(ROWS))
    it(what, () => {
      const mesh = new ServedMesh({ target: { namespaces: { names: ['ad'] } }, ...spec }, ['ad', 'shop']);
      mesh.putPod('ad', 'web');
      mesh.putService('ad', 'web');
      given?.(mesh);
      const situation = new Situation(mesh.input());
      const found = [...situation.states()].map(state => situation.clientRules(state));
      assert.deepEqual(
        found.flatMap(({ wanted }) => wanted.map(({ front }) => front.name)),
        rules,
      );
      const told = found.flatMap(each => each.hazards);
      assert.deepEqual(
        told.map(({ code, object }) => `${code} ${object}`),
        hazards.map(line => line.split(': ')[0]),
      );
      for (const [index, { message, severity, fix }] of told.entries()) {
        const words = hazards[index]!.split(': ').slice(1).join(': ');
        assert.ok(message.includes(words), `${message} has no "${words}"`);
        assert.ok(severity === 'Block' && fix, 'holds, and says what to do');
      }
    });

  for (const code of ['RuleWithoutProxy', 'RuleVoid', 'Conflict'])
    it(`${code}: holds the step, and accepted it leaves the rule out`, () => {
      const mesh = new ServedMesh({ target: { namespaces: { names: ['ad'] } }, ...ALWAYS, adopt: 'Never' }, [
        'ad',
        'shop',
      ]);
      for (const name of ['web', 'db']) {
        mesh.putPod('ad', name);
        mesh.putService('ad', name);
      }
      if (code === 'RuleWithoutProxy') mesh.putPod('ad', 'old', { mesh: 'None', labels: { app: 'web' } });
      else mesh.putRule(code === 'RuleVoid' ? 'shop' : 'ad', 'theirs', { host: HOST, ...tls('DISABLE') });
      mesh.step();
      assert.equal(mesh.condition('Stalled')?.reason, code);
      mesh.rests();
      assert.deepEqual(mesh.writes, []);
      // the rule of the user that ours would have countered is a hazard of its own
      mesh.edit({ preflight: { accept: [code, 'PlaintextRule'] } });
      mesh.untilPhase('Completed');
      assert.deepEqual(
        [...mesh.rules.keys()].filter(key => key.startsWith('ad/mtls-rollout')),
        ['ad/mtls-rollout-client-db'],
      );
    });
});
