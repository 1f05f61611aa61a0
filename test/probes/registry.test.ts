import assert from 'node:assert/strict';
import { specSchema, type ProbeSpec } from '../../src/api/schema.ts';
import { buildProbes } from '../../src/probes/registry.ts';
import { blindCluster, metrics } from './scene.ts';

const sight = metrics(() => []);
const around = {
  sight,
  cluster: blindCluster,
  author: { namespace: 'shop', name: 'r', uid: 'u' },
  isRoot: false,
  queries: [],
  plan: '',
  receivers: [],
};
const parse = (probes: object[]): ProbeSpec[] => specSchema.shape.probes.parse(probes);
const names = (specs: ProbeSpec[], haveMetrics: boolean) =>
  buildProbes(specs, { ...around, preset: 'istio', metrics: haveMetrics }).map(probe => probe.name);

describe('probes of a spec', () => {
  it('are the safe default set where none is given', () => {
    assert.deepEqual(names([], true), ['no-plaintext', 'enforced', 'ready', 'traffic', 'denied']);
  });

  it('leave out what needs metrics where there are none, but never what the author named', () => {
    assert.deepEqual(names([], false), ['enforced', 'ready']);
    for (const kind of ['plaintextTraffic', 'trafficDrop', 'refusedConnections', 'ambientDenials', 'clientErrors'])
      assert.deepEqual(names(parse([{ name: 'mine', [kind]: {} }]), false), ['mine']);
  });

  it('cover every kind of round with the default set', () => {
    const rounds = buildProbes([], { ...around, preset: 'istio', metrics: true }).flatMap(probe => probe.rounds);
    assert.deepEqual([...new Set(rounds)].sort(), ['Enforcement', 'Entry', 'Guard', 'Restored', 'Soak']);
  });

  it('count refused connections only where the author asks for it, with both kinds of metrics', () => {
    const refused = parse([{ name: 'refused', refusedConnections: {} }]);
    for (const preset of ['istio', 'envoy'] as const) {
      const [probe, ...others] = buildProbes(refused, { ...around, preset, metrics: true });
      assert.deepEqual([probe?.name, probe?.rounds, others], ['refused', ['Soak'], []]);
    }
  });

  it('count by shadows before STRICT only', () => {
    const [probe] = buildProbes(parse([{ name: 'a', plaintextTraffic: { source: 'Shadow' } }]), {
      ...around,
      preset: 'istio',
      metrics: true,
    });
    assert.deepEqual(probe?.rounds, ['Entry']);
  });
});
