import assert from 'node:assert/strict';
import { type SpecInput, specSchema } from '../../src/api/schema.ts';
import { unsupportedFields } from '../../src/api/unsupported.ts';

const target = { namespace: {} };
const wave = { name: 'a', names: ['x'] };
const selector = { matchLabels: { app: 'a' } };

/** What an author writes, and the fields that are refused for it. */
const cases: [string, Omit<SpecInput, 'target'>, string[]][] = [
  ['the smallest rollout', {}, []],
  ['a probe for later', { probes: [{ name: 'g', workloadReadiness: {}, when: 'Guard' }] }, ['spec.probes[0].when']],
  [
    'everything that is built',
    {
      mode: 'Revert',
      suspend: true,
      exceptions: [{ name: 'e', selector, reason: 'r', until: '2027-01-01' }],
      strategy: {
        unit: 'Workload',
        consolidate: true,
        waves: [{ ...wave, maxConcurrent: '25%', soak: '1m', approval: 'Required' }],
      },
      probes: [
        { name: 'a', plaintextTraffic: {} },
        { name: 'b', enforcement: {} },
        { name: 'c', workloadReadiness: {} },
        { name: 'd', trafficDrop: {} },
        { name: 'e', refusedConnections: {} },
        { name: 'f', clientErrors: {} },
        { name: 'p', prometheus: { query: 'q', max: 1 } },
        { name: 'x', controlPlane: {} },
        { name: 'z', ambientDenials: {} },
        { name: 'g', http: { service: 's', port: 80, path: '/' } },
        { name: 'h', plaintextTraffic: { source: 'Shadow' } },
      ],
      approvals: [{ wave: 'a', plan: '77b0c19d', by: 'me' }],
      schedule: { windows: [{ kind: 'Allow', days: ['Mon'] }] },
      analysis: { failureLimit: 2 },
      drift: 'Correct',
      rollback: { onFailure: 'Pause', extent: 'All', retries: 2 },
      destinationRules: 'Always',
      adopt: 'Always',
      preflight: { accept: ['UnmeshedClient'] },
    },
    [],
  ],
  [
    'several at once',
    {
      probes: [
        { name: 'g', workloadReadiness: {}, when: 'Guard' },
        { name: 'p', enforcement: {}, when: 'Guard' },
      ],
    },
    ['spec.probes[0].when', 'spec.probes[1].when'],
  ],
];

describe('unsupportedFields', () => {
  for (const [what, input, expected] of cases) {
    it(what, () => assert.deepEqual(unsupportedFields(specSchema.parse({ target, ...input })), expected));
  }
});
