/** Probes, analysis, rollback, and the form of any field. */
import { withTarget, analysis, probe, type RuleCase } from './rule-case.ts';

export const judgementCases: RuleCase[] = [
  {
    rule: 'one kind of probe',
    good: probe({ enforcement: {} }),
    bad: probe({}),
    problem: 'spec.probes[0]: say how to look: exactly one of plaintextTraffic',
  },
  {
    rule: 'only one kind of probe',
    good: probe({ workloadReadiness: {} }),
    bad: probe({ workloadReadiness: {}, enforcement: {} }),
    problem: 'spec.probes[0]: say how to look',
  },
  {
    rule: 'unique probes',
    good: withTarget({
      probes: [
        { name: 'a', enforcement: {} },
        { name: 'b', enforcement: {} },
      ],
    }),
    bad: withTarget({
      probes: [
        { name: 'a', enforcement: {} },
        { name: 'a', workloadReadiness: {} },
      ],
    }),
    problem: 'spec.probes: names of probes must be unique',
  },
  {
    rule: 'window of plaintextTraffic',
    good: probe({ plaintextTraffic: { window: '1s' } }),
    bad: probe({ plaintextTraffic: { window: '999ms' } }),
    problem: 'spec.probes[0].plaintextTraffic.window: must be a duration',
  },
  {
    rule: 'window of trafficDrop',
    good: probe({ trafficDrop: { window: '720h' } }),
    bad: probe({ trafficDrop: { window: '721h' } }),
    problem: 'spec.probes[0].trafficDrop.window: must be a duration',
  },
  {
    rule: 'window of refusedConnections',
    good: probe({ refusedConnections: { window: '720h' } }),
    bad: probe({ refusedConnections: { window: '0s' } }),
    problem: 'spec.probes[0].refusedConnections.window: must be a duration',
  },
  {
    rule: 'connections of refusedConnections',
    good: probe({ refusedConnections: { maxConnections: 0 } }),
    bad: probe({ refusedConnections: { maxConnections: -1 } }),
    problem: 'spec.probes[0].refusedConnections.maxConnections: must be at least 0',
  },
  {
    rule: 'whole connections of refusedConnections',
    good: probe({ refusedConnections: { maxConnections: 1_000_000_000 } }),
    bad: probe({ refusedConnections: { maxConnections: 0.5 } }),
    problem: 'spec.probes[0].refusedConnections.maxConnections: must be a whole number',
  },
  {
    rule: 'a query or its text',
    good: probe({ prometheus: { query: 'errors', parameters: { route: '/' }, max: 0.5 } }),
    bad: probe({ prometheus: { query: 'errors', expr: 'up', max: 1 } }),
    problem: 'spec.probes[0].prometheus: say what to ask: exactly one of query, expr',
  },
  {
    rule: 'limits of a query',
    good: probe({ prometheus: { expr: 'sum(rate(x[${window}]))', min: -1, max: 1 } }),
    bad: probe({ prometheus: { query: 'errors' } }),
    problem: 'spec.probes[0].prometheus: say what is healthy: min, max or both',
  },
  {
    rule: 'limits of a query in order',
    good: probe({ prometheus: { query: 'errors', min: 1, max: 1 } }),
    bad: probe({ prometheus: { query: 'errors', min: 2, max: 1 } }),
    problem: 'spec.probes[0].prometheus: min must not be above max',
  },
  {
    rule: 'longest convergence of controlPlane',
    good: probe({ controlPlane: { maxConvergence: '30s' } }),
    bad: probe({ controlPlane: { maxConvergence: '31s' } }),
    problem: 'spec.probes[0].controlPlane.maxConvergence: must be a duration',
  },
  {
    rule: 'window of clientErrors',
    good: probe({ clientErrors: { window: '2m' } }),
    bad: probe({ clientErrors: { window: '2' } }),
    problem: 'spec.probes[0].clientErrors.window: must be a duration',
  },
  {
    rule: 'shadows count before STRICT',
    good: probe({ plaintextTraffic: { source: 'Shadow' }, when: 'Entry' }),
    bad: probe({ plaintextTraffic: { source: 'Shadow' }, when: 'Both' }),
    problem: 'spec.probes[0]: plaintextTraffic with source Shadow counts what comes before STRICT',
  },
  {
    rule: 'percent of trafficDrop',
    good: probe({ trafficDrop: { maxPercent: 100 } }),
    bad: probe({ trafficDrop: { maxPercent: 101 } }),
    problem: 'spec.probes[0].trafficDrop.maxPercent: must be at most 100',
  },
  {
    rule: 'path of http',
    good: probe({ http: { service: 'frontend', port: 80, path: '/' } }),
    bad: probe({ http: { service: 'frontend', port: 80, path: 'http://elsewhere/' } }),
    problem: 'spec.probes[0].http.path: must begin with "/"',
  },
  {
    rule: 'path of http in one line of a request',
    good: probe({ http: { service: 'frontend', port: 80, path: '/cart?id=1&full' } }),
    bad: probe({ http: { service: 'frontend', port: 80, path: '/ HTTP/1.1' } }),
    problem: 'spec.probes[0].http.path: must begin with "/" and hold no space',
  },
  {
    rule: 'form of the expected status',
    good: probe({ http: { service: 'frontend', port: 80, path: '/', expectStatus: '204' } }),
    bad: probe({ http: { service: 'frontend', port: 80, path: '/', expectStatus: '2xx' } }),
    problem: 'spec.probes[0].http.expectStatus: must be a status such as "204", or a range',
  },
  {
    rule: 'range of expected statuses',
    good: probe({ http: { service: 'frontend', port: 80, path: '/', expectStatus: '200-200' } }),
    bad: probe({ http: { service: 'frontend', port: 80, path: '/', expectStatus: '399-200' } }),
    problem: 'spec.probes[0].http.expectStatus: the range must begin with its lowest status',
  },
  {
    rule: 'length of keys of the metadata of webhook',
    good: probe({ webhook: { name: 'checks', metadata: { team: 'shop' } } }),
    bad: probe({ webhook: { name: 'checks', metadata: { ['k'.repeat(64)]: 'v' } } }),
    problem: 'spec.probes[0].webhook.metadata: keys must have 1 to 63 characters',
  },
  {
    rule: 'number of items of the metadata of webhook',
    good: probe({ webhook: { name: 'checks', metadata: items(16) } }),
    bad: probe({ webhook: { name: 'checks', metadata: items(17) } }),
    problem: 'spec.probes[0].webhook.metadata: must have at most 16 items',
  },
  {
    rule: 'name of the CronJob of job',
    good: probe({ job: { cronJob: 'c'.repeat(52) } }),
    bad: probe({ job: { cronJob: 'c'.repeat(53) } }),
    problem: 'spec.probes[0].job.cronJob: must have at most 52 characters',
  },
  {
    rule: 'shortest interval',
    good: analysis({ interval: '1s' }),
    bad: analysis({ interval: '999ms' }),
    problem: 'spec.analysis.interval: must be a duration',
  },
  {
    rule: 'longest interval',
    good: analysis({ interval: '24h' }),
    bad: analysis({ interval: '25h' }),
    problem: 'spec.analysis.interval: must be a duration',
  },
  {
    rule: 'longest deadline',
    good: analysis({ progressDeadline: '8760h' }),
    bad: analysis({ progressDeadline: '87600h' }),
    problem: 'spec.analysis.progressDeadline: must be a duration',
  },
  {
    rule: 'rest before a retry',
    good: withTarget({ rollback: { retryAfter: '1s' } }),
    bad: withTarget({ rollback: { retryAfter: '0s' } }),
    problem: 'spec.rollback.retryAfter: must be a duration',
  },
  {
    rule: 'whole number of rounds',
    good: analysis({ successes: 1 }),
    bad: analysis({ successes: 1.5 }),
    problem: 'spec.analysis.successes: must be a whole number',
  },
  {
    rule: 'at least one round',
    good: analysis({ successes: 1 }),
    bad: analysis({ successes: 0 }),
    problem: 'spec.analysis.successes: must be at least 1',
  },
  {
    rule: 'booleans are booleans',
    good: withTarget({ suspend: true }),
    bad: withTarget({ suspend: 'true' }),
    problem: 'spec.suspend: must be a boolean, not "true"',
  },
  {
    rule: 'no unknown field',
    good: withTarget({ adopt: 'Never' }),
    bad: withTarget({ adoptt: 'Never' }),
    problem: 'spec: does not know "adoptt": correct the name or remove it',
  },
];

function items(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 'v']));
}
