import assert from 'node:assert/strict';
import { ROLLOUT_ANNOTATION } from '../../src/api/resource.ts';
import type { SpecInput } from '../../src/api/schema.ts';
import type { DestinationRule } from '../../src/istio/objects.ts';
import { TestMesh } from './mesh.ts';

const PIN = 'ad/mtls-rollout-pin-web';
const HOST = 'web.ad.svc.cluster.local';
const TLS = { tls: { mode: 'ISTIO_MUTUAL' as const } };

/** A namespace that is DISABLE, with a Service, and another one that may have clients. */
function disabled(spec: Partial<SpecInput> = {}, services = ['web']): TestMesh {
  const mesh = new TestMesh({ target: { namespaces: { names: ['ad'] } }, ...spec }, ['ad', 'shop']);
  mesh.putPolicy('ad', 'default', { mtls: { mode: 'DISABLE' } });
  for (const name of services) mesh.addService('ad', name);
  mesh.now += 5000;
  return mesh;
}

/** What was written, and when, seconds since the first write. */
function story(mesh: TestMesh): string[] {
  const lines: string[] = [];
  let begin: number | undefined;
  mesh.until(({ step, phase }) => {
    for (const write of mesh.writes.slice(lines.length)) {
      begin ??= mesh.now;
      const { name } = write.verb === 'create' ? write.object.metadata : write.target;
      const to = JSON.stringify(write).match(/PERMISSIVE|STRICT/)?.[0] ?? '';
      lines.push(`${Math.round((mesh.now - begin) / 1000)} ${write.verb} ${name} ${to}`.trim());
    }
    return step?.stage === 'Observing' || phase === 'Completed';
  });
  return lines;
}

function untilPinned(mesh: TestMesh): void {
  mesh.until(() => mesh.rules.has(PIN));
}

function hazardOf(mesh: TestMesh): [string | undefined, string | undefined] {
  for (let n = 0; n < 3; n++) mesh.step();
  const { code, object } = mesh.status.hazards?.[0] ?? {};
  return [code, object];
}

describe('leaving DISABLE', () => {
  it('pins the clients, then sets PERMISSIVE, then lets them go, and gives each the time to arrive', () => {
    const mesh = disabled();
    assert.deepEqual(story(mesh), [
      '0 create mtls-rollout-pin-web',
      '6 patch default PERMISSIVE',
      '11 delete mtls-rollout-pin-web',
    ]);
    const unpinned = mesh.transitions.find(({ reason }) => reason === 'StepPrepared');
    assert.ok(unpinned);
    mesh.untilPhase('Completed');
    assert.equal(mesh.mode('ad'), 'STRICT');
    assert.deepEqual([...mesh.rules], []);
  });

  it('says which part runs, and until when', () => {
    const mesh = disabled();
    const said = new Set<string>();
    mesh.until(({ step, message }) => {
      said.add((message ?? '').replace(/;.*/, '').replace(/\d\d:\d\d:\d\d/g, 'T'));
      return step?.stage === 'Observing';
    });
    const at = 'wave rest, step 1/1: ad leaving DISABLE since T: ';
    assert.deepEqual(
      [...said].filter(text => text.startsWith(at)).map(text => text.slice(at.length)),
      [
        'the Services of ad are being read',
        '1 DestinationRule to write that pin the clients of ad to plaintext',
        'clients of ad are pinned to plaintext, PERMISSIVE follows at T',
        'ad to be set to PERMISSIVE',
        'PERMISSIVE is set, the pins stay until T',
        '1 pin to remove',
        'pins removed, clients go over to mutual TLS until T',
      ],
    );
  });

  it('makes pins that are marked, managed and say DISABLE for all clients', () => {
    const mesh = disabled();
    untilPinned(mesh);
    const { metadata, spec } = mesh.rules.get(PIN)!;
    assert.deepEqual(spec, { host: HOST, trafficPolicy: { tls: { mode: 'DISABLE' } } });
    assert.deepEqual(metadata.labels, { 'app.kubernetes.io/managed-by': 'mtls-rollout' });
    assert.match(metadata.annotations?.[ROLLOUT_ANNOTATION] ?? '', /^istio-system\/shop\/rollout-uid$/);
  });

  it('needs no pin without Services, and none where a rule says DISABLE for all already', () => {
    assert.deepEqual(story(disabled({}, [])), ['0 patch default PERMISSIVE']);
    const mesh = disabled();
    mesh.putRule('ad', 'theirs', { host: 'web', trafficPolicy: { tls: { mode: 'DISABLE' } } });
    assert.deepEqual(story(mesh), ['0 patch default PERMISSIVE']);
    assert.equal(mesh.rules.size, 1);
  });

  it('pins one Service once for two workloads of a step', () => {
    const mesh = disabled({
      strategy: { unit: 'Workload', waves: [{ name: 'w', names: ['a', 'b'], maxConcurrent: 2 }] },
    });
    for (const name of ['a', 'b']) mesh.addWorkload('ad', name, { selector: { app: 'web', version: name } });
    assert.deepEqual(story(mesh), [
      '0 create mtls-rollout-pin-web',
      '6 create mtls-rollout-a PERMISSIVE',
      '6 create mtls-rollout-b PERMISSIVE',
      '11 delete mtls-rollout-pin-web',
    ]);
  });

  it('leaves a Service alone whose pods are not DISABLE', () => {
    const mesh = disabled({ preflight: { accept: ['WeakerPolicy'] } });
    mesh.putPolicy('ad', 'db', { selector: { matchLabels: { app: 'db' } }, mtls: { mode: 'PERMISSIVE' } });
    mesh.addService('ad', 'db');
    assert.equal(story(mesh)[0], '0 create mtls-rollout-pin-web');
    assert.ok(!mesh.history.flat().some(({ metadata }) => metadata.name === 'mtls-rollout-pin-db'));
  });

  it('goes directly where the author forbids rules and accepts the loss', () => {
    const mesh = disabled({ destinationRules: 'Never', preflight: { accept: ['LeavesDisable'] } });
    assert.deepEqual(story(mesh), ['0 patch default PERMISSIVE']);
  });
});

describe('leaving DISABLE is held', () => {
  const rules: Record<string, [where: string, spec: DestinationRule['spec']]> = {
    'a rule in the namespace of a client': ['shop', { host: HOST, trafficPolicy: TLS }],
    'an older rule of the same host': ['ad', { host: HOST, trafficPolicy: TLS }],
    'an older rule of the same host without TLS': ['ad', { host: HOST, trafficPolicy: {} }],
    'a rule for chosen clients': [
      'ad',
      { host: HOST, trafficPolicy: TLS, workloadSelector: { matchLabels: { app: 'cart' } } },
    ],
  };
  for (const [what, [where, spec]] of Object.entries(rules))
    it(`by ${what}, which is named, until it is gone`, () => {
      const mesh = disabled();
      mesh.putRule(where, 'theirs', spec);
      mesh.now += 1000;
      const [code] = hazardOf(mesh);
      assert.equal(code, 'PinVoid');
      assert.match(mesh.status.message ?? '', /cannot be pinned: .*; set tls DISABLE there/);
      mesh.rests();
      assert.deepEqual(mesh.writes, []);
      mesh.rules.delete(`${where}/theirs`);
      mesh.untilPhase('Completed');
      assert.equal(mesh.rules.size, 0);
    });

  it('by a rule for a broader host in the namespace of a client, and not by one of the root namespace', () => {
    const mesh = disabled();
    mesh.putRule('istio-system', 'all', { host: '*.local', trafficPolicy: TLS });
    untilPinned(mesh);
    const other = disabled();
    other.putRule('shop', 'all', { host: '*.local', trafficPolicy: TLS });
    assert.deepEqual(hazardOf(other), ['PinVoid', 'DestinationRule shop/all']);
    other.edit({ preflight: { accept: ['PinVoid'] } });
    other.untilPhase('Completed');
  });

  it('by a rule of somebody else that has the name of the pin, which stays as it is', () => {
    const mesh = disabled();
    mesh.putRule('ad', 'mtls-rollout-pin-web', { host: 'elsewhere' });
    assert.deepEqual(hazardOf(mesh), ['PinVoid', 'DestinationRule ad/mtls-rollout-pin-web']);
    mesh.rests();
    assert.deepEqual(mesh.rules.get(PIN)?.spec, { host: 'elsewhere' });
  });

  it('by a pin of another rollout that shares the Service, until that one has removed it', () => {
    const unit = { strategy: { unit: 'Workload' as const } };
    const mesh = disabled(unit);
    mesh.addWorkload('ad', 'a', { selector: { app: 'web', version: 'a' } });
    untilPinned(mesh);
    const { metadata } = mesh.rollout;
    const { status: _, ...bare } = mesh.rollout;
    mesh.workloads.splice(0, 1);
    mesh.addWorkload('ad', 'b', { selector: { app: 'web', version: 'b' } });
    mesh.rollout = { ...bare, metadata: { ...metadata, name: 'next', uid: 'next-uid' } };
    assert.deepEqual(hazardOf(mesh), ['PinVoid', 'DestinationRule ad/mtls-rollout-pin-web']);
    mesh.rules.clear();
    mesh.untilPhase('Completed');
    assert.equal(mesh.rules.size, 0);
  });

  it('by a Service that leads to pods above DISABLE too', () => {
    const mesh = disabled({ preflight: { accept: ['WeakerPolicy'] } });
    mesh.putPolicy('ad', 'v2', { selector: { matchLabels: { version: 'v2' } }, mtls: { mode: 'STRICT' } });
    assert.deepEqual(hazardOf(mesh), ['LeavesDisable', 'Service ad/web']);
    assert.match(mesh.status.message ?? '', /may lead to pods that are STRICT too/);
    assert.deepEqual(mesh.writes, []);
  });

  it('while rules cannot be seen, before and after the pins are there', () => {
    const mesh = disabled({ preflight: { accept: ['RulesNotSeen'] } });
    mesh.seesRules = false;
    assert.equal(hazardOf(mesh)[0], 'RulesNotSeen');
    mesh.seesRules = true;
    mesh.until(() => mesh.mode('ad') === 'PERMISSIVE');
    mesh.seesRules = false;
    mesh.step();
    assert.equal(mesh.condition('Stalled')?.reason, 'RulesNotSeen');
    mesh.rests();
    mesh.seesRules = true;
    mesh.untilPhase('Completed');
    assert.equal(mesh.rules.size, 0);
    const blind = new TestMesh({ target: { namespaces: { names: ['ad'] } } }, ['ad']);
    blind.seesRules = false;
    blind.untilPhase('Completed');
  });

  it('by a pin that somebody changed, which is not taken from them', () => {
    const mesh = disabled();
    untilPinned(mesh);
    const pin = mesh.rules.get(PIN)!;
    mesh.putRule('ad', pin.metadata.name, { ...pin.spec, exportTo: ['.'] }, pin.metadata);
    mesh.step();
    assert.equal(mesh.condition('Stalled')?.reason, 'FieldConflict');
    assert.match(mesh.status.message ?? '', /pin-web, which pins clients while ad leaves DISABLE, was changed/);
    mesh.rests();
    mesh.edit({ mode: 'Revert' });
    mesh.untilPhase('Reverted');
    assert.deepEqual(mesh.rules.get(PIN)?.spec.exportTo, ['.']);
    assert.equal(mesh.rules.get(PIN)?.metadata.annotations?.[ROLLOUT_ANNOTATION], undefined);
  });
});

describe('a step that was leaving DISABLE', () => {
  for (const part of ['pinned', 'PERMISSIVE'] as const) {
    const mid = (): TestMesh => {
      const mesh = disabled();
      untilPinned(mesh);
      if (part === 'PERMISSIVE') mesh.until(() => mesh.mode('ad') === 'PERMISSIVE');
      return mesh;
    };

    it(`and is ${part}: mode Revert restores first and takes the pins away last`, () => {
      const mesh = mid();
      const { length } = mesh.writes;
      mesh.edit({ mode: 'Revert' });
      mesh.untilPhase('Reverted');
      assert.equal(mesh.mode('ad'), 'DISABLE');
      assert.equal(mesh.rules.size, 0);
      assert.deepEqual(
        mesh.writes.slice(length).map(({ verb }) => verb),
        part === 'PERMISSIVE' ? ['patch', 'delete'] : ['delete'],
      );
    });

    it(`and is ${part}: a rollout that comes after the first was deleted goes on and leaves no pin`, () => {
      const mesh = mid();
      const { metadata, spec, ...rest } = mesh.rollout;
      const { status: _, ...bare } = rest;
      mesh.rollout = { ...bare, spec, metadata: { ...metadata, name: 'next', uid: 'next-uid' } };
      mesh.untilPhase('Completed');
      assert.equal(mesh.rules.size, 0);
    });

    it(`and is ${part}: the pins go when its namespace is STRICT by other hands`, () => {
      const mesh = mid();
      mesh.tamper('ad', 'default', { spec: { mtls: { mode: 'STRICT' } } });
      mesh.step();
      assert.equal(mesh.rules.size, 0);
      mesh.untilPhase('Completed');
    });

    it(`and is ${part}: held, it waits, and goes on where it was`, () => {
      const mesh = mid();
      mesh.edit({ suspend: true });
      mesh.step();
      mesh.rests();
      assert.equal(mesh.rules.size, 1);
      mesh.edit({ suspend: false });
      mesh.untilPhase('Completed');
      assert.equal(mesh.rules.size, 0);
    });
  }

  it('and is rolled back after STRICT comes back to DISABLE, with no pin left', () => {
    const mesh = disabled();
    mesh.judge = kind => (kind === 'Soak' ? 'Unhealthy' : 'Healthy');
    mesh.untilPhase('RolledBack');
    assert.equal(mesh.mode('ad'), 'DISABLE');
    assert.equal(mesh.rules.size, 0);
  });
});
