import assert from 'node:assert/strict';
import { ORIGINAL_ANNOTATION, ROLLOUT_ANNOTATION } from '../../src/api/resource.ts';
import type { SpecInput } from '../../src/api/schema.ts';
import type { Hazard } from '../../src/api/status.ts';
import { ROOT, TestMesh } from './mesh.ts';

const HELM = { labels: { 'app.kubernetes.io/managed-by': 'Helm' } };
const APP = { matchLabels: { app: 'db' } };

interface Case {
  what: string;
  code: string;
  spec?: Partial<SpecInput>;
  given?: (mesh: TestMesh) => void;
  message: RegExp;
  /** What the author or an operator does about it. */
  cure: (mesh: TestMesh) => void;
  /** Not every hazard is the author's to accept. */
  accepted: 'moves' | 'stays';
}

const CASES: Case[] = [
  {
    what: 'a namespace of the list that is not there',
    code: 'NamespaceNotFound',
    spec: { target: { namespaces: { names: ['ad', 'typo'] } } },
    message: /namespace typo is named in spec.target.namespaces.names and is not there; create the namespace/,
    cure: mesh => mesh.addNamespace('typo'),
    accepted: 'moves',
  },
  {
    what: 'the root namespace in the list',
    code: 'NamespaceNotFound',
    spec: { target: { namespaces: { names: ['ad', ROOT] } } },
    message: /istio-system is the mesh root namespace: a policy of it governs the whole mesh; take it from the list/,
    cure: mesh => mesh.edit({ target: { namespaces: { names: ['ad'] } } }),
    accepted: 'moves',
  },
  {
    what: 'the default probes without Prometheus',
    code: 'NoMetrics',
    given: mesh => {
      mesh.metrics = false;
    },
    message: /no Prometheus is configured.*set prometheus.url in the configuration of the operator/,
    cure: mesh => {
      mesh.metrics = true;
    },
    accepted: 'moves',
  },
  {
    what: 'a list of probes of which none looks before the switch',
    code: 'NoEntryEvidence',
    spec: { probes: [{ name: 'ready', workloadReadiness: {} }] },
    message: /no probe of the list looks before STRICT is set; add a plaintextTraffic probe/,
    cure: mesh => mesh.edit({ probes: [{ name: 'plain', plaintextTraffic: {} }] }),
    accepted: 'moves',
  },
  {
    what: 'a workload policy that asks for less',
    code: 'WeakerPolicy',
    given: mesh => mesh.putPolicy('ad', 'db', { selector: APP, portLevelMtls: { 5432: { mode: 'DISABLE' } } }),
    message: /ad would not be STRICT throughout: PeerAuthentication ad\/db asks for less; move or remove/,
    cure: mesh => mesh.dropPolicy('ad', 'db'),
    accepted: 'moves',
  },
  {
    what: 'a policy with another selector that may govern the same pods',
    code: 'OverlappingPolicy',
    spec: { strategy: { unit: 'Workload' } },
    given: mesh => {
      mesh.addWorkload('ad', 'db', { selector: { app: 'db' } });
      mesh.putPolicy('ad', 'tier', { selector: { matchLabels: { tier: 'x' } }, mtls: { mode: 'PERMISSIVE' } });
    },
    message: /PeerAuthentication ad\/tier may select the same pods as ad\/db; Istio obeys only the oldest of them/,
    cure: mesh => mesh.dropPolicy('ad', 'tier'),
    accepted: 'moves',
  },
  {
    what: 'a policy that a tool manages',
    code: 'Conflict',
    given: mesh => mesh.putPolicy('ad', 'default', { mtls: { mode: 'PERMISSIVE' } }, HELM),
    message: /PeerAuthentication ad\/default is managed by Helm, which would undo the step; set the mode there/,
    cure: mesh => mesh.edit({ adopt: 'Always' }),
    accepted: 'moves',
  },
  {
    what: 'any policy with adopt Never',
    code: 'Conflict',
    spec: { adopt: 'Never' },
    given: mesh => mesh.putPolicy('ad', 'default', { mtls: { mode: 'PERMISSIVE' } }),
    message: /PeerAuthentication ad\/default holds the slot of ad and spec.adopt is Never; set spec.adopt to Unmanaged/,
    cure: mesh => mesh.edit({ adopt: 'Unmanaged' }),
    accepted: 'moves',
  },
  {
    what: 'a damaged original',
    code: 'DamagedOriginal',
    given: mesh =>
      mesh.putPolicy(
        'ad',
        'default',
        { mtls: { mode: 'PERMISSIVE' } },
        {
          annotations: { [ROLLOUT_ANNOTATION]: 'istio-system/shop/rollout-uid', [ORIGINAL_ANNOTATION]: '{"spec":nul' },
        },
      ),
    message: /the recorded original of PeerAuthentication ad\/default is damaged, so there is no safe way back; bring/,
    cure: mesh =>
      mesh.tamper('ad', 'default', {
        metadata: { annotations: { [ROLLOUT_ANNOTATION]: null, [ORIGINAL_ANNOTATION]: null } },
      }),
    accepted: 'stays',
  },
  {
    what: 'a scope that leaves DISABLE without DestinationRules',
    code: 'LeavesDisable',
    spec: { destinationRules: 'Never' },
    given: mesh => mesh.putPolicy('ad', 'default', { mtls: { mode: 'DISABLE' } }),
    message: /ad is DISABLE; clients and servers do not leave it at the same moment, and requests are lost; pin/,
    cure: mesh => mesh.tamper('ad', 'default', { spec: { mtls: { mode: 'PERMISSIVE' } } }),
    accepted: 'moves',
  },
];

function meshOf({ spec, given }: Case): TestMesh {
  const mesh = new TestMesh({ target: { namespaces: { names: ['ad'] } }, ...spec }, ['ad']);
  given?.(mesh);
  mesh.now += 5000;
  return mesh;
}

describe('preflight', () => {
  for (const hazard of CASES) {
    const { what, code, message, cure, accepted } = hazard;
    it(`is stopped by ${what} before anything is written, and goes on when it is gone`, () => {
      const mesh = meshOf(hazard);
      mesh.step();
      const [first] = mesh.status.hazards ?? [];
      assert.deepEqual([first?.code, first?.severity, first?.accepted], [code, 'Block', undefined]);
      assert.ok(first?.object && first.fix, 'names what it is about, and what to do');
      assert.match(mesh.status.message ?? '', message);
      assert.equal(mesh.status.phase, 'Pending');
      assert.equal(mesh.status.summary?.waitingOn, code);
      assert.equal(mesh.condition('Stalled')?.reason, code);
      mesh.rests();
      assert.deepEqual(mesh.writes, []);
      cure(mesh);
      mesh.untilPhase('Completed');
      assert.equal(mesh.mode('ad', { app: 'db' }), 'STRICT');
    });

    it(`${accepted === 'moves' ? 'goes on with' : 'never goes on with'} ${what} that the author accepted`, () => {
      const mesh = meshOf(hazard);
      mesh.edit({ preflight: { accept: [code] } });
      mesh.step();
      if (accepted === 'stays') {
        mesh.rests();
        assert.equal(mesh.status.phase, 'Pending');
        return assert.deepEqual(mesh.writes, []);
      }
      if (mesh.status.hazards) assert.equal(mesh.status.hazards[0]?.accepted, true);
      mesh.untilPhase('Completed');
      assert.equal(mesh.mode('ad', { app: 'db' }), 'STRICT');
    });
  }

  it('warns about a name in a wave that no scope has, and goes on', () => {
    const waves = [{ name: 'w', names: ['ad', 'typo'] }];
    const mesh = new TestMesh({ target: { namespaces: { names: ['ad'] } }, strategy: { waves } }, ['ad']);
    mesh.step();
    assert.deepEqual(codes(mesh), ['WaveNameUnmatched']);
    assert.equal(mesh.status.hazards?.[0]?.severity, 'Warn');
    mesh.untilPhase('Completed');
  });

  it('tells of a policy that somebody puts into its place later, which Istio ignores, also when all is done', () => {
    const mesh = new TestMesh({ target: { namespaces: { names: ['ad'] } } }, ['ad']);
    mesh.untilPhase('Completed');
    assert.deepEqual(codes(mesh), []);
    mesh.now += 5000;
    mesh.putPolicy('ad', 'zz', { mtls: { mode: 'PERMISSIVE' } });
    mesh.step();
    assert.equal(mesh.status.phase, 'Completed');
    const [hazard, ...more] = mesh.status.hazards ?? [];
    assert.deepEqual(
      [hazard?.code, hazard?.severity, hazard?.object, more],
      ['ShadowedPolicy', 'Warn', 'PeerAuthentication ad/zz', []],
    );
    assert.match(
      hazard?.message ?? '',
      /does nothing: PeerAuthentication ad\/mtls-rollout, which this rollout governs, is older/,
    );
  });

  it('leaves accepted exceptions as they are and says so at the end', () => {
    const mesh = new TestMesh({ target: { namespaces: { names: ['ad'] } }, preflight: { accept: ['WeakerPolicy'] } }, [
      'ad',
    ]);
    mesh.putPolicy('ad', 'db', { selector: APP, mtls: { mode: 'PERMISSIVE' } });
    mesh.untilPhase('Completed');
    assert.equal(mesh.mode('ad', { app: 'db' }), 'PERMISSIVE');
    assert.equal(mesh.status.message, '1 scope STRICT, except ad: PeerAuthentication ad/db');
    assert.deepEqual(mesh.status.strict, { done: 0, total: 1 }, 'the count has no exceptions');
  });

  it('adopts a policy of people as it is: labels and all', () => {
    const mesh = new TestMesh({ target: { namespaces: { names: ['ad'] } } }, ['ad']);
    mesh.putPolicy('ad', 'default', { mtls: { mode: 'PERMISSIVE' } }, { labels: { mine: 'yes' } });
    mesh.untilPhase('Completed');
    assert.equal(mesh.policies.size, 1);
    assert.deepEqual(mesh.policy('ad', 'default')?.metadata.labels, { mine: 'yes' });
  });

  it('shows the worst hazards first and never more than status holds', () => {
    const names = Array.from({ length: 60 }, (_, n) => `n${n}`);
    const preflight = { accept: ['LeavesDisable'] };
    const mesh = new TestMesh({ target: { namespaces: { names } }, destinationRules: 'Never', preflight }, names);
    for (const name of names) mesh.putPolicy(name, 'default', { mtls: { mode: 'DISABLE' } });
    mesh.putPolicy('n59', 'default', { mtls: { mode: 'PERMISSIVE' } }, HELM);
    mesh.step();
    assert.equal(mesh.status.hazards?.length, 20);
    assert.equal(codes(mesh)[0], 'Conflict');
    assert.equal(mesh.status.phase, 'Preparing', 'a hazard of a later step does not hold this one');
  });

  it('begins when a target without scopes has one', () => {
    const mesh = new TestMesh({ target: { namespaces: { selector: { matchLabels: { team: 'shop' } } } } });
    mesh.step();
    assert.deepEqual([mesh.status.phase, mesh.condition('Stalled')?.reason], ['Pending', 'NoScopes']);
    mesh.addNamespace('ad', { team: 'shop' });
    mesh.untilPhase('Completed');
  });
});

function codes(mesh: TestMesh): Hazard['code'][] {
  return (mesh.status.hazards ?? []).map(({ code }) => code);
}
