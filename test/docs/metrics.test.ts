/** The table of metrics and the alerts of the documentation, against what the operator hands out. */
import assert from 'node:assert/strict';
import { load } from 'js-yaml';
import { Metrics } from '../../src/report/metrics.ts';
import { complaints } from '../report/promtool.ts';
import { codesIn, fences, pageAt, sectionOf, tableRows } from './markdown.ts';

const metrics = new Metrics({
  rollouts: () => [],
  leads: () => true,
  queue: () => ({ waiting: 0, running: 0 }),
  requests: () => new Map(),
  blindMs: () => [],
  lostEvents: () => 0,
  notifications: () => new Map(),
});
const rows = tableRows(sectionOf(pageAt('docs/operations.md'), '## Metrics'));

interface Rules {
  kind: string;
  spec: { groups: { rules: { alert: string; expr: string }[] }[] };
}

const rules = fences('yaml')
  .map(({ text }) => load(text) as Rules)
  .filter(({ kind }) => kind === 'PrometheusRule');

describe('the table of metrics', () => {
  it('has every metric of the operator with its type, and no other', async () => {
    const types = [...(await metrics.text()).matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(
      ([, name, type]) => `${name} ${type}`,
    );
    assert.ok(types.length > 10);
    assert.deepEqual(rows.map(([name = '', type]) => `${codesIn(name)[0]} ${type}`).toSorted(), types.toSorted());
  });
});

describe('the alerts', () => {
  const files = { 'rules.yaml': JSON.stringify({ groups: rules.flatMap(({ spec }) => spec.groups) }) };

  it('ask for metrics that there are', () => {
    const known = rows.flatMap(([name = '']) => codesIn(name));
    const asked = rules.flatMap(({ spec }) => spec.groups.flatMap(group => group.rules.map(({ expr }) => expr)));
    assert.equal(asked.length, 3);
    for (const expr of asked)
      for (const [name] of expr.matchAll(/\bmtls_rollout_\w+/g)) assert.ok(known.includes(name), name);
  });

  it('are valid for Prometheus', function () {
    assert.equal(complaints(this, ['check', 'rules', 'rules.yaml'], files), '');
  });

  it('fire when they should, and only then', function () {
    const rollout = 'namespace="shop", name="shop"';
    const series = (name: string, labels: string, values: string) => ({ series: `${name}{${labels}}`, values });
    const alert = (alertname: string, eval_time: string, exp_alerts: object[]) => ({
      alertname,
      eval_time,
      exp_alerts,
    });
    const fired = (name: string) => {
      const about = rules[0]?.spec.groups[0]?.rules.find(rule => rule.alert === name) as unknown as {
        labels: object;
        annotations: Record<string, string>;
      };
      const filled = (text: string) => text.replaceAll(/\{\{ \$labels\.\w+ \}\}/g, 'shop');
      const texts = Object.entries(about.annotations).map(([key, text]) => [key, filled(text)] as const);
      const of = name === 'MtlsRolloutNoLeader' ? {} : { namespace: 'shop', name: 'shop' };
      return [{ exp_labels: { ...about.labels, ...of }, exp_annotations: Object.fromEntries(texts) }];
    };
    const test = {
      rule_files: ['rules.yaml'],
      evaluation_interval: '1m',
      tests: [
        {
          interval: '1m',
          input_series: [
            series('mtls_rollout_condition', `${rollout}, type="Stalled"`, '0x9 1x30'),
            series('mtls_rollout_rollbacks_total', rollout, '0x19 1x90'),
            series('mtls_rollout_leader', 'pod="a"', '1x29 0x30'),
            series('mtls_rollout_leader', 'pod="b"', '0x60'),
          ],
          alert_rule_test: [
            alert('MtlsRolloutStalled', '15m', []),
            alert('MtlsRolloutStalled', '25m', fired('MtlsRolloutStalled')),
            alert('MtlsRolloutRolledBack', '15m', []),
            alert('MtlsRolloutRolledBack', '30m', fired('MtlsRolloutRolledBack')),
            alert('MtlsRolloutRolledBack', '100m', []),
            alert('MtlsRolloutNoLeader', '25m', []),
            alert('MtlsRolloutNoLeader', '40m', fired('MtlsRolloutNoLeader')),
          ],
        },
      ],
    };
    const all = { ...files, 'test.yaml': JSON.stringify(test) };
    assert.equal(complaints(this, ['test', 'rules', 'test.yaml'], all), '');
  });
});
