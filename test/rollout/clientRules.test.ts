import assert from 'node:assert/strict';
import { APPLIED_ANNOTATION, ORIGINAL_ANNOTATION, ROLLOUT_ANNOTATION } from '../../src/api/resource.ts';
import type { SpecInput } from '../../src/api/schema.ts';
import type { DestinationRule } from '../../src/istio/objects.ts';
import { decide } from '../../src/rollout/decide.ts';
import { mergePatch } from '../../src/rollout/mergePatch.ts';
import { ServedMesh } from './servedMesh.ts';

const NAME = 'mtls-rollout-client-web';
const RULE = `ad/${NAME}`;
const HOST = 'web.ad.svc.cluster.local';
const MUTUAL = { tls: { mode: 'ISTIO_MUTUAL' as const } };
const ALWAYS = { destinationRules: 'Always' } as const;
const OWN = { host: HOST, trafficPolicy: MUTUAL };

/** A namespace with a Service and its pod, and another one that may have clients. */
function served(spec: Partial<SpecInput> = ALWAYS): ServedMesh {
  const mesh = new ServedMesh({ target: { namespaces: { names: ['ad'] } }, ...spec }, ['ad', 'shop']);
  mesh.putPod('ad', 'web');
  mesh.putService('ad', 'web');
  mesh.now += 5000;
  return mesh;
}

/** As `served`, and clients are told to send plaintext by a rule that is about more than the Service. */
function countered(spec: Partial<SpecInput> = {}): ServedMesh {
  const mesh = served({ destinationRules: 'Auto', ...spec });
  mesh.putRule('istio-system', 'all', { host: '*.local', trafficPolicy: { tls: { mode: 'DISABLE' } } });
  return mesh;
}

/** What is written from now on, in seconds since the first of it. */
function story(mesh: ServedMesh, until: () => boolean): string[] {
  const lines: string[] = [];
  const { length } = mesh.writes;
  let begin: number | undefined;
  mesh.until(() => {
    for (const write of mesh.writes.slice(length + lines.length)) {
      begin ??= mesh.now;
      const { name } = write.verb === 'create' ? write.object.metadata : write.target;
      const to = JSON.stringify(write).match(/ISTIO_MUTUAL|PERMISSIVE|STRICT/)?.[0] ?? '';
      lines.push(`${Math.round((mesh.now - begin) / 1000)} ${write.verb} ${name} ${to}`.trim());
    }
    return until();
  });
  return lines;
}

function completes(mesh: ServedMesh): string[] {
  return story(mesh, () => mesh.status.phase === 'Completed');
}

function reverts(mesh: ServedMesh): string[] {
  mesh.edit({ mode: 'Revert' });
  return story(mesh, () => mesh.status.phase === 'Reverted');
}

/** Everything about rules and policies but what the API server counts up. */
function contents(mesh: ServedMesh): unknown[] {
  return [...mesh.policies.values(), ...mesh.rules.values()]
    .map(({ kind, spec, metadata }) => ({
      kind,
      spec,
      ...metadata,
      annotations: metadata.annotations ?? {},
      resourceVersion: '',
    }))
    .toSorted((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1));
}

function tamperRule(mesh: ServedMesh, key: string, patch: object): void {
  const { metadata, spec } = mergePatch(mesh.rules.get(key), patch) as DestinationRule;
  mesh.putRule(metadata.namespace, metadata.name, spec, metadata);
}

describe('rules for clients', () => {
  it('are written before the first policy says STRICT, and have the time to arrive', () => {
    const mesh = served();
    mesh.until(({ step }) => step?.stage === 'Observing');
    assert.equal(mesh.rules.size, 0, 'nobody needs one for the evidence');
    assert.deepEqual(completes(mesh), [`0 create ${NAME} ISTIO_MUTUAL`, '6 patch mtls-rollout STRICT']);
    const { metadata, spec } = mesh.rules.get(RULE)!;
    assert.deepEqual(spec, OWN);
    assert.deepEqual(metadata.labels, { 'app.kubernetes.io/managed-by': 'mtls-rollout' });
    assert.equal(metadata.annotations?.[ROLLOUT_ANNOTATION], 'istio-system/shop/rollout-uid');
    assert.equal(mesh.status.clientRules, 1);
    mesh.rests();
  });

  it('are written before evidence is looked for, where clients send plaintext until then', () => {
    const mesh = countered();
    mesh.until(({ step }) => step?.stage === 'Observing');
    const written = mesh.writes.map(write => write.verb === 'create' && write.object.metadata.name);
    assert.deepEqual(written, ['mtls-rollout', NAME]);
    assert.deepEqual(completes(mesh), ['0 patch mtls-rollout STRICT']);
    mesh.rests();
  });

  it('say what is done, and until when', () => {
    const mesh = countered();
    const said = new Set<string>();
    mesh.until(({ step, message }) => {
      said.add((message ?? '').replace(/;.*/, '').replace(/\d\d:\d\d:\d\d/g, 'T'));
      return step?.stage === 'Observing';
    });
    const at = 'wave rest, step 1/1: clients of ad have to use mutual TLS, since T: ';
    assert.deepEqual(
      [...said].filter(text => text.startsWith(at)).map(text => text.slice(at.length)),
      ['1 DestinationRule to write that tells them to', 'they are told to, evidence is looked for at T'],
    );
  });

  it('are taken back after the policies, and have the time to stay', () => {
    const mesh = served();
    mesh.judge = kind => (kind === 'Soak' ? 'Unhealthy' : 'Healthy');
    mesh.until(({ step }) => step?.stage === 'Soaking');
    assert.deepEqual(
      story(mesh, () => mesh.status.phase === 'RolledBack'),
      ['0 delete mtls-rollout', `5 delete ${NAME}`],
    );
    assert.equal(mesh.rules.size, 0);
    assert.deepEqual([mesh.status.clientRules, mesh.status.settlingSince], [undefined, undefined]);
    mesh.rests();
  });

  it('go at once where the way back leads to DISABLE', () => {
    const mesh = served();
    mesh.putPolicy('ad', 'default', { mtls: { mode: 'DISABLE' } });
    mesh.untilPhase('Completed');
    assert.deepEqual(reverts(mesh), ['0 patch default', `0 delete ${NAME}`]);
  });

  it('are kept by mode Plan and suspend as they are', () => {
    const mesh = served();
    mesh.until(() => mesh.rules.size === 1);
    mesh.edit({ suspend: true });
    mesh.rests();
    mesh.edit({ suspend: false });
    mesh.untilPhase('Completed');
    mesh.edit({ mode: 'Plan' });
    mesh.rests();
    assert.equal(mesh.rules.size, 1);
  });

  it('come again when a try is made again, and when somebody deletes one before STRICT', () => {
    const mesh = served({ ...ALWAYS, rollback: { retries: 1 } });
    mesh.judge = kind => (kind === 'Soak' ? 'Unhealthy' : 'Healthy');
    mesh.untilPhase('RolledBack');
    mesh.judge = () => 'Healthy';
    mesh.until(() => mesh.rules.size === 1);
    mesh.rules.clear();
    mesh.untilPhase('Completed');
    assert.deepEqual([...mesh.rules.keys()], [RULE]);
  });

  it('wait for one that does not arrive any more: a clock that goes back hurries nothing', () => {
    const mesh = served();
    mesh.untilPhase('Completed');
    mesh.edit({ mode: 'Revert' });
    mesh.until(() => mesh.policies.size === 0);
    mesh.step();
    const { settlingSince } = mesh.status;
    assert.ok(settlingSince);
    mesh.now -= 3_600_000;
    mesh.step();
    assert.equal(mesh.rules.size, 1);
    mesh.untilPhase('Reverted');
    assert.equal(mesh.rules.size, 0);
  });

  it('are not forgotten where they cannot be seen', () => {
    const mesh = served();
    mesh.untilPhase('Completed');
    mesh.seesRules = false;
    mesh.edit({ mode: 'Revert' });
    mesh.until(({ conditions }) => conditions?.some(({ reason }) => reason === 'RulesNotSeen') === true);
    assert.equal(mesh.policies.size, 0, 'policies are restored all the same');
    mesh.seesRules = true;
    mesh.untilPhase('Reverted');
    assert.equal(mesh.rules.size, 0);
  });
});

describe('a rule for clients that was there before', () => {
  const rules: Record<string, DestinationRule['spec']> = {
    'without any traffic policy': { host: HOST, subsets: [{ name: 'v1' }] },
    'with an empty traffic policy': { host: HOST, trafficPolicy: {} },
    'with another setting': { host: 'web', trafficPolicy: { loadBalancer: { simple: 'RANDOM' } } },
    'with another mode': { host: HOST, trafficPolicy: { tls: { mode: 'DISABLE' } } },
    'with certificates': {
      host: HOST,
      trafficPolicy: {
        tls: { mode: 'MUTUAL', clientCertificate: '/a', privateKey: '/b', subjectAltNames: ['x'] },
        connectionPool: { tcp: { maxConnections: 1 } },
      } as DestinationRule['spec']['trafficPolicy'] & object,
    },
    'with an empty setting of TLS': { host: HOST, trafficPolicy: { tls: {} } },
  };
  for (const [what, spec] of Object.entries(rules))
    it(`${what} has the one field set, and gets it back`, () => {
      const mesh = served();
      mesh.putRule('ad', 'theirs', spec, { labels: { mine: 'yes' }, annotations: { note: 'kept' } });
      const before = contents(mesh);
      mesh.untilPhase('Completed');
      assert.deepEqual([...mesh.rules.keys()], ['ad/theirs']);
      const now = mesh.rules.get('ad/theirs')!;
      assert.deepEqual(now.spec.trafficPolicy?.tls, { mode: 'ISTIO_MUTUAL' });
      const { trafficPolicy: { tls: _, ...others } = {}, ...rest } = now.spec;
      const { trafficPolicy: { tls: __, ...othersBefore } = {}, ...restBefore } = spec;
      assert.deepEqual([others, rest], [othersBefore, restBefore]);
      assert.ok(now.metadata.annotations?.[ORIGINAL_ANNOTATION]);
      assert.deepEqual(reverts(mesh), ['0 delete mtls-rollout', '5 patch theirs']);
      assert.deepEqual(contents(mesh), before);
      mesh.rests();
    });

  it('and beside it another one: the one that Istio obeys is set', () => {
    const mesh = served();
    mesh.putRule('ad', 'a-first', { host: HOST, subsets: [{ name: 'v1' }] });
    mesh.now += 2000;
    mesh.putRule('ad', 'b-second', { host: HOST, trafficPolicy: { loadBalancer: {} } });
    mesh.now += 2000;
    mesh.putRule('ad', 'c-third', { host: HOST, trafficPolicy: { tls: { mode: 'DISABLE' } } });
    mesh.untilPhase('Completed');
    const set = [...mesh.rules.values()].filter(({ spec }) => spec.trafficPolicy?.tls?.mode === 'ISTIO_MUTUAL');
    assert.deepEqual(
      set.map(({ metadata }) => metadata.name),
      ['b-second'],
    );
  });

  it('and is changed meanwhile stays as somebody has made it', () => {
    const mesh = served();
    mesh.putRule('ad', 'theirs', { host: HOST, trafficPolicy: {} });
    mesh.untilPhase('Completed');
    tamperRule(mesh, 'ad/theirs', { spec: { trafficPolicy: { tls: { mode: 'SIMPLE' } }, exportTo: ['*'] } });
    reverts(mesh);
    const { spec, metadata } = mesh.rules.get('ad/theirs')!;
    assert.deepEqual(spec, { host: HOST, trafficPolicy: { tls: { mode: 'SIMPLE' } }, exportTo: ['*'] });
    assert.deepEqual(metadata.annotations, {});
  });

  it('keeps what somebody added beside the field', () => {
    const mesh = served();
    mesh.putRule('ad', 'theirs', { host: HOST });
    mesh.untilPhase('Completed');
    tamperRule(mesh, 'ad/theirs', { spec: { trafficPolicy: { loadBalancer: { simple: 'RANDOM' } } } });
    reverts(mesh);
    const { spec } = mesh.rules.get('ad/theirs')!;
    assert.deepEqual(spec, { host: HOST, trafficPolicy: { loadBalancer: { simple: 'RANDOM' } } });
  });

  for (const key of [ORIGINAL_ANNOTATION, APPLIED_ANNOTATION])
    it(`and has a damaged ${key} is never guessed`, () => {
      const mesh = served();
      mesh.putRule('ad', 'theirs', { host: HOST, trafficPolicy: { tls: { mode: 'DISABLE' } } });
      mesh.until(() => mesh.rules.get('ad/theirs')?.metadata.annotations?.[ROLLOUT_ANNOTATION] !== undefined);
      tamperRule(mesh, 'ad/theirs', { metadata: { annotations: { [key]: '{"spec":nul' } } });
      mesh.step();
      assert.equal(mesh.condition('Stalled')?.reason, 'DamagedOriginal');
      mesh.edit({ mode: 'Revert', preflight: { accept: ['DamagedOriginal'] } });
      mesh.until(({ summary }) => summary?.waitingOn === 'DamagedOriginal');
      mesh.rests();
      assert.equal(mesh.condition('Stalled')?.reason, 'DamagedOriginal');
      assert.equal(mesh.rules.get('ad/theirs')?.spec.trafficPolicy?.tls?.mode, 'ISTIO_MUTUAL');
      tamperRule(mesh, 'ad/theirs', {
        metadata: {
          annotations: { [ROLLOUT_ANNOTATION]: null, [ORIGINAL_ANNOTATION]: null, [APPLIED_ANNOTATION]: null },
        },
      });
      mesh.untilPhase('Reverted');
    });
});

describe('a rule of our own', () => {
  it('that somebody turned to plaintext holds the step until it is theirs or gone', () => {
    const mesh = served();
    mesh.until(() => mesh.rules.size === 1);
    tamperRule(mesh, RULE, { spec: { trafficPolicy: { tls: { mode: 'DISABLE' } } } });
    mesh.step();
    assert.equal(mesh.condition('Stalled')?.reason, 'Conflict');
    assert.match(mesh.status.message ?? '', /client-web told the clients of ad to use mutual TLS and was changed/);
    mesh.rests();
    mesh.rules.clear();
    mesh.untilPhase('Completed');
  });

  it('that somebody added to goes on, and stays theirs', () => {
    const mesh = served();
    mesh.until(() => mesh.rules.size === 1);
    tamperRule(mesh, RULE, { spec: { trafficPolicy: { loadBalancer: {} } } });
    mesh.untilPhase('Completed');
    reverts(mesh);
    const { spec, metadata } = mesh.rules.get(RULE)!;
    assert.deepEqual(spec, { host: HOST, trafficPolicy: { ...MUTUAL, loadBalancer: {} } });
    assert.deepEqual(metadata.annotations, {});
  });

  it('is taken over from a rollout that was deleted, with what was there before', () => {
    const mesh = served();
    mesh.putRule('ad', 'theirs', { host: HOST, trafficPolicy: {} });
    mesh.putPod('ad', 'db');
    mesh.putService('ad', 'db');
    const before = contents(mesh);
    mesh.until(() => mesh.rules.size === 2);
    const { metadata, spec, ...rest } = mesh.rollout;
    const { status: _, ...bare } = rest;
    mesh.rollout = { ...bare, spec, metadata: { ...metadata, name: 'next', uid: 'next-uid' } };
    mesh.untilPhase('Completed');
    assert.equal(mesh.rules.size, 2);
    reverts(mesh);
    assert.deepEqual(contents(mesh), before);
  });

  it('has nothing to do with pins', () => {
    const mesh = served();
    mesh.putPolicy('ad', 'default', { mtls: { mode: 'DISABLE' } });
    mesh.addService('ad', 'web');
    mesh.putRule('ad', 'mtls-rollout-pin-web-theirs', { host: '*.ad.svc.cluster.local', subsets: [] });
    const before = contents(mesh);
    assert.deepEqual(
      completes(mesh).map(line => line.replace(/^\d+ /, '')),
      [
        'create mtls-rollout-pin-web',
        'patch default PERMISSIVE',
        'delete mtls-rollout-pin-web',
        `create ${NAME} ISTIO_MUTUAL`,
        'patch default STRICT',
      ],
    );
    reverts(mesh);
    assert.deepEqual(contents(mesh), before);
  });

  it('that was there before under the name of a pin is no pin', () => {
    const mesh = served();
    mesh.putRule('ad', 'mtls-rollout-pin-web', { host: HOST, trafficPolicy: {} });
    const before = contents(mesh);
    mesh.untilPhase('Completed');
    mesh.rests();
    assert.equal(mesh.rules.get('ad/mtls-rollout-pin-web')?.spec.trafficPolicy?.tls?.mode, 'ISTIO_MUTUAL');
    reverts(mesh);
    assert.deepEqual(contents(mesh), before);
  });
});

/** Workloads a and b, one step each, in front of which is one Service; a Service of its own for c in another wave. */
function shared(extent: 'Step' | 'Wave' | 'All', fails: string): ServedMesh {
  const waves = [
    { name: 'one', names: ['a', 'b'] },
    { name: 'two', names: ['c'] },
  ];
  const spec = { target: { namespaces: { names: ['ad'] } }, strategy: { unit: 'Workload' as const, waves } };
  const mesh = new ServedMesh({ ...spec, ...ALWAYS, rollback: { extent } }, ['ad']);
  for (const name of ['a', 'b', 'c']) {
    const labels = name === 'c' ? {} : { tier: 'web' };
    mesh.addWorkload('ad', name);
    mesh.putPod('ad', name, { labels });
  }
  mesh.putService('ad', 'web', { selector: { tier: 'web' } });
  mesh.putService('ad', 'c');
  mesh.judge = (kind, scopes) => (kind === 'Soak' && scopes.includes(`ad/${fails}`) ? 'Unhealthy' : 'Healthy');
  return mesh;
}

describe('a rollback takes back the rules', () => {
  for (const [extent, fails, left] of [
    ['Step', 'b', ['web']],
    ['Wave', 'b', []],
    ['Step', 'c', ['web']],
    ['Wave', 'c', ['web']],
    ['All', 'c', []],
  ] as const)
    it(`of extent ${extent} when ${fails} fails, but those that a scope which stays STRICT needs`, () => {
      const mesh = shared(extent, fails);
      mesh.untilPhase('RolledBack');
      assert.deepEqual(
        [...mesh.rules.keys()],
        left.map(name => `ad/mtls-rollout-client-${name}`),
      );
      mesh.rests();
      mesh.judge = () => 'Healthy';
      mesh.annotate('mtlsrollout.io/retry', '1');
      mesh.untilPhase('Completed');
      assert.equal(mesh.rules.size, 2);
      reverts(mesh);
      assert.deepEqual([...mesh.rules.keys()], []);
    });
});

describe('an operator that crashes while rules for clients are written', () => {
  const plays: Record<string, () => ServedMesh> = {
    'an own one, Always': () => served(),
    'an own one, Auto': () => countered(),
    'one that was there': () => {
      const mesh = served();
      mesh.putRule('ad', 'theirs', { host: HOST, trafficPolicy: { tls: { mode: 'SIMPLE' } } });
      return mesh;
    },
    'one that two workloads share': () => {
      const mesh = shared('Step', 'nobody');
      mesh.edit({ strategy: { unit: 'Workload', waves: [{ name: 'one', names: ['a', 'b', 'c'], maxConcurrent: 3 }] } });
      return mesh;
    },
  };
  for (const [what, make] of Object.entries(plays))
    it(`(${what}) ends in the same place, forward and back, whichever write is lost`, () => {
      const undisturbed = journey(make(), undefined);
      assert.deepEqual(undisturbed.back, undisturbed.before);
      assert.ok(undisturbed.writes >= 5);
      for (let point = 0; point < undisturbed.writes; point++)
        for (const stored of [true, false]) {
          const { forth, back } = journey(make(), { point, stored });
          assert.deepEqual(forth, undisturbed.forth, `write ${point}`);
          assert.deepEqual(back, undisturbed.before, `write ${point}`);
        }
    });
});

/** Forward to Completed and back to Reverted; at one write the process dies, before or after the status was stored. */
function journey(mesh: ServedMesh, crash: { point: number; stored: boolean } | undefined) {
  let left = crash?.point ?? Infinity;
  const before = timeless(mesh);
  const go = (phase: string) => {
    for (let n = 0; mesh.status.phase !== phase; n++) {
      assert.ok(n < 500, `${phase} not reached: ${mesh.status.message}`);
      const decision = decide(mesh.input());
      const dies = left < decision.writes.length;
      if (!dies || crash?.stored) mesh.store(decision);
      for (const write of decision.writes.slice(0, dies && crash?.stored ? left : decision.writes.length))
        if (!dies || crash?.stored) mesh.perform(write);
      left = dies ? Infinity : left - decision.writes.length;
      if (dies) mesh.epoch++;
      const next = decision.writes.length > 0 ? mesh.now + 1 : (decision.nextLookAt ?? mesh.now + 60_000);
      mesh.now = Math.max(mesh.now + 1, next);
    }
  };
  go('Completed');
  const forth = timeless(mesh);
  mesh.edit({ mode: 'Revert' });
  go('Reverted');
  return { before, forth, back: timeless(mesh), writes: mesh.writes.length };
}

function timeless(mesh: ServedMesh): unknown[] {
  return contents(mesh).map(each => {
    const { kind, spec, namespace, name, labels, annotations } = each as Record<string, object>;
    return { kind, spec, namespace, name, labels, marks: Object.keys(annotations ?? {}) };
  });
}
