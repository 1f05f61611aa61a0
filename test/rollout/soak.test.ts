/** No soak ends before what its step has broken can have shown. */
import assert from 'node:assert/strict';
import { type SpecInput, specSchema } from '../../src/api/schema.ts';
import { soakOf } from '../../src/rollout/soak.ts';
import { meshIn } from './stages.ts';

const DRAIN = 45_000;
const soak = (asked: string, probes: SpecInput['probes'], drainMs = DRAIN) =>
  soakOf(asked, specSchema.parse({ target: { namespace: {} }, probes }), { drainMs });

describe('a soak', () => {
  const enforced = { name: 'enforced', enforcement: {} };
  const rows: [string, SpecInput['probes'], number, number][] = [
    ['the default probes: drain and scrape', [], DRAIN, 60_000],
    [
      'an author who looks back over less is scraped as often',
      [enforced, { name: 'p', plaintextTraffic: { window: '2s' } }],
      DRAIN,
      47_000,
    ],
    ['a mesh that drains sooner', [], 1_000, 16_000],
    ['a mesh that drains later', [], 300_000, 315_000],
    ['nobody looks whether STRICT has arrived', [{ name: 'ready', workloadReadiness: {} }], DRAIN, 50_000],
    ['a probe that decides nothing does not look', [{ ...enforced, dryRun: true }], DRAIN, 50_000],
    ['no probe asks Prometheus', [enforced], DRAIN, DRAIN],
  ];
  for (const [what, probes, drainMs, least] of rows)
    it(`is no shorter than that takes: ${what}`, () => {
      assert.deepEqual(soak('0s', probes, drainMs), { soakMs: least, askedMs: 0 });
      assert.deepEqual(soak(`${least / 1000}s`, probes, drainMs), { soakMs: least });
      assert.deepEqual(soak('10m', probes, drainMs), { soakMs: 600_000 });
    });

  it('that is stretched says so, why, and until when, and ends no sooner', () => {
    const strategy = { waves: [{ name: 'w', selector: {}, soak: '5s' }] };
    const mesh = meshIn('Soaking', { strategy, analysis: { interval: '1s', successes: 1 } });
    const began = mesh.now;
    assert.match(
      mesh.status.message!,
      /until 09:\d\d:\d\d \(a soak of 5s is stretched to 1m: connections from before the switch go on for up to 45s\)/,
    );
    mesh.until(({ step }) => step?.index === 2);
    assert.ok(mesh.now - began >= 60_000, `${mesh.now - began} ms`);
  });
});
