import assert from 'node:assert/strict';
import { parseFlags } from '../../src/operator/flags.ts';
import { loadSettings, type Settings } from '../../src/operator/settings.ts';

function settings(text: string | undefined, ...argv: string[]): Settings {
  const result = loadSettings(text, argv);
  assert.ok('settings' in result, JSON.stringify(result));
  return result.settings;
}

function problems(text: string | undefined, ...argv: string[]): string[] {
  const result = loadSettings(text, argv);
  assert.ok('problems' in result, 'accepted what it should refuse');
  return result.problems;
}

describe('settings', () => {
  it('has a default for everything', () => {
    const expected: Settings = {
      metricsPreset: 'istio',
      notifications: [],
      queries: [],
      platform: 'istio',
      istioNamespace: 'istio-system',
      apiRate: 20,
      concurrency: 4,
      health: { address: '0.0.0.0', port: 8081 },
      leaderElection: {
        enabled: true,
        namespace: 'mtls-rollout-system',
        name: 'mtls-rollout',
        leaseDuration: 15_000,
        renewDeadline: 10_000,
        retryPeriod: 2_000,
      },
      log: { level: 'info', format: 'json' },
      webhooks: [],
    };
    for (const text of [undefined, '', '\n', '# only a comment', '{}', 'null'])
      assert.deepEqual(settings(text), expected);
  });

  it('reads YAML and JSON alike', () => {
    const yaml = 'prometheus:\n  url: https://prometheus.monitoring:9090/base\n  timeout: 3s\nmetricsPreset: envoy\n';
    const json =
      '{"prometheus": {"url": "https://prometheus.monitoring:9090/base", "timeout": "3s"}, "metricsPreset": "envoy"}';
    assert.deepEqual(settings(yaml), settings(json));
    assert.deepEqual(settings(yaml).prometheus, { url: 'https://prometheus.monitoring:9090/base', timeout: 3000 });
  });

  it('takes matchers in the form of Alertmanager', () => {
    const matchers = ['severity="critical"', 'alertname=~"MeshDown|5xx.*"', 'team!="a b"', 'note!~"say \\"no\\""'];
    const { alerts } = settings(JSON.stringify({ alerts: { url: 'https://alerts:9093', matchers } }));
    assert.deepEqual(alerts, { url: 'https://alerts:9093', matchers, timeout: 5000 });
  });

  it('wants of each notification one address, and never repeats it', () => {
    const target = (more: object) => JSON.stringify({ notifications: [{ name: 'ops', ...more }] });
    assert.deepEqual(settings(target({ urlFile: '/etc/hook' })).notifications, [
      { name: 'ops', type: 'Generic', urlFile: '/etc/hook', events: [] },
    ]);
    const wrong = [
      {},
      { url: 'https://a.example/hunter2', urlFile: '/etc/hook' },
      { url: 'hunter2' },
      { urlFile: '/etc/hook', type: 'hunter2' },
      { urlFile: '/etc/hook', events: ['hunter 2'] },
      { urlFile: '/etc/hook', token: 'hunter2' },
      { urlFile: '/etc/hook', name: 'Hunter2' },
    ];
    for (const more of wrong) {
      const [problem = '', ...others] = problems(target(more));
      assert.deepEqual(others, []);
      assert.match(problem, /^notifications\.0/);
      assert.doesNotMatch(problem, /hunter/i);
    }
    assert.deepEqual(problems(target({ urlFile: '/etc/hook', token: 'x' })), [
      'notifications.0.token: unknown key; allowed here: name, type, url, urlFile, events',
    ]);
    const twice = [1, 2].map(() => ({ name: 'ops', urlFile: '/etc/hook' }));
    assert.deepEqual(problems(JSON.stringify({ notifications: twice })), ['notifications: must have different names']);
  });

  it('names the receivers of webhook probes, each once', () => {
    const of = (...list: object[]) => JSON.stringify({ webhooks: list });
    const checks = { name: 'checks', url: 'https://checks.example.com/gate?team=shop' };
    assert.deepEqual(settings(of(checks)).webhooks, [{ ...checks, timeout: 10_000, namespaces: [] }]);
    assert.deepEqual(settings(of({ ...checks, namespaces: ['*', 'shop'] })).webhooks[0]?.namespaces, ['*', 'shop']);
    assert.deepEqual(problems(of(checks, checks)), ['webhooks: must have different names']);
    const wrong: [object, RegExp][] = [
      [{ name: 'Checks' }, /^webhooks\.0\.name: must be a lower-case DNS label/],
      [{ url: 'ftp://checks' }, /^webhooks\.0\.url: must be an http or https address/],
      [{ url: 'https://user:secret@checks' }, /^webhooks\.0\.url: must be .* without user, password/],
      [{ timeout: '1h' }, /^webhooks\.0\.timeout: must be a duration from 100ms to 2m/],
      [{ namespaces: 'shop' }, /^webhooks\.0\.namespaces: must be a list/],
      [
        { token: 'secret' },
        /^webhooks\.0\.token: unknown key; allowed here: name, url, bearerTokenFile, caFile, timeout/,
      ],
    ];
    for (const [more, says] of wrong) {
      const [problem = '', ...others] = problems(of({ ...checks, ...more }));
      assert.match(problem, says);
      assert.deepEqual(others, []);
      assert.ok(!problem.includes('secret'));
    }
  });

  it('lets flags win over the file, and the file over the defaults', () => {
    const file = 'log: {level: warn, format: text}\nhealth: {port: 9000}';
    assert.deepEqual(settings(file).log, { level: 'warn', format: 'text' });
    const both = settings(
      file,
      '--log-level=debug',
      '--health-port',
      '0',
      '--kubeconfig',
      'k',
      '--context=c',
      '--config',
      'f',
    );
    assert.deepEqual(both.log, { level: 'debug', format: 'text' });
    assert.deepEqual(both.health, { address: '0.0.0.0', port: 0 });
    assert.equal(both.kubeconfig, 'k');
    assert.equal(both.context, 'c');
  });

  const refused: [text: string, ...problems: RegExp[]][] = [
    ['apiRte: 3', /^apiRte: unknown key; allowed here: prometheus, alerts, budget, metricsPreset, .*apiRate/],
    ['health: {prt: 1}', /^health\.prt: unknown key; allowed here: address, port$/],
    ['leaderElection: {lease: 1s}', /^leaderElection\.lease: unknown key; allowed here: enabled, .*leaseDuration/],
    [
      'prometheus: {url: "http://p", headers: {a: b}}',
      /^prometheus\.headers: unknown key; allowed here: url, bearerTokenFile/,
    ],
    ['apiRate: many', /^apiRate: must be a whole number from 1 to 1000$/],
    ['apiRate: 0', /^apiRate: must be a whole number from 1 to 1000$/],
    ['apiRate: 2.5', /^apiRate: must be a whole number from 1 to 1000$/],
    ['concurrency: 65', /^concurrency: must be a whole number from 1 to 64$/],
    ['queries: [{name: a, expr: up}, {name: a, expr: up}]', /^queries: must have different names$/],
    ['queries: [{name: a, expr: "x[5m]"}]', /^queries\.0: expr: every range must be \[\$\{window\}\]/],
    [
      'queries: [{name: a, expr: up, parameters: [{name: p, type: Text}]}]',
      /^queries\.0\.parameters\.0\.type: must be one of Namespace, /,
    ],
    ['metricsPreset: stackdriver', /^metricsPreset: must be one of istio, envoy, gcp$/],
    ['log: {level: loud}', /^log\.level: must be one of error, warn, info, debug$/],
    ['log: quiet', /^log: must be a map of keys$/],
    ['health: {address: everywhere}', /^health\.address: must be an IP address such as 0\.0\.0\.0 or ::1$/],
    ['health: {port: 65536}', /^health\.port: must be a whole number from 0 to 65535$/],
    ['leaderElection: {enabled: yep}', /^leaderElection\.enabled: must be true or false$/],
    ['leaderElection: {leaseDuration: 15}', /^leaderElection\.leaseDuration: must be a duration from 1s to 5m/],
    ['leaderElection: {leaseDuration: 10s}', /^leaderElection: leaseDuration must be longer than renewDeadline/],
    ['prometheus: {}', /^prometheus\.url: must be an address such as/],
    ['prometheus: http://p:9090', /^prometheus: must be a map of keys$/],
    ['prometheus: {url: "prometheus:9090"}', /^prometheus\.url: must be an http or https address/],
    ['prometheus: {url: "file:///etc/passwd"}', /^prometheus\.url: must be an http or https address/],
    ['prometheus: {url: "http://p?x=y"}', /^prometheus\.url: must not hold a query or fragment$/],
    [
      'prometheus: {url: "http://p", timeout: 1h}',
      /^prometheus\.timeout: must be a duration from 100ms to 2m, such as 10s$/,
    ],
    ['prometheus: {url: "http://p", timeout: soon}', /^prometheus\.timeout: must be a duration/],
    [
      'alerts: {}',
      /^alerts\.url: must be an address such as http:\/\/alertmanager/,
      /^alerts\.matchers: must be a list/,
    ],
    ['alerts: {url: "ftp://a", matchers: [\'a="b"\']}', /^alerts\.url: must be an http or https address/],
    ['alerts: {url: "http://a", matchers: []}', /^alerts\.matchers: must be a list of 1 to 16 matchers/],
    ['alerts: {url: "http://a", matchers: severity}', /^alerts\.matchers: must be a list of 1 to 16 matchers/],
    ['alerts: {url: "http://a", matchers: [severity]}', /^alerts\.matchers\.0: must be a matcher such as severity="cr/],
    ['alerts: {url: "http://a", matchers: [\'a=b\']}', /^alerts\.matchers\.0: must be a matcher/],
    ['alerts: {url: "http://a", matchers: [\'a="b" or c="d"\']}', /^alerts\.matchers\.0: must be a matcher/],
    [
      'alerts: {url: "http://a", matchers: [\'a="b"\'], timeout: 1m}',
      /^alerts\.timeout: must be a duration from 100ms to 10s/,
    ],
    ['budget: {}', /^budget: must limit movingScopes, failingRollouts, or both$/],
    ['budget: {movingScopes: 0}', /^budget\.movingScopes: must be a whole number from 1 to 10000$/],
    ['budget: {failingRollouts: few}', /^budget\.failingRollouts: must be a whole number from 1 to 1000$/],
    ['budget: {scopes: 3, failingRollouts: 1}', /^budget\.scopes: unknown key; allowed here: movingScopes, failingRo/],
    ['rootNamespace: Istio_System', /^rootNamespace: must be a lower-case DNS name/],
    ['- a\n- b', /^configuration file: must be a map of keys/],
    ['just words', /^configuration file: must be a map of keys/],
    ['a: 1\nb: [', /^configuration file, line \d+: not valid YAML: /],
    ['apiRate: 1\n---\napiRate: 2', /^configuration file: must be one document/],
    ['apiRate: 1\napiRate: 2', /^configuration file, line 2: not valid YAML: duplicated mapping key/],
  ];
  for (const [text, ...wanted] of refused) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      const found = problems(text);
      assert.equal(found.length, wanted.length, found.join('\n'));
      for (const [index, problem] of wanted.entries()) assert.match(found[index]!, problem);
    });
  }

  it('reports every problem at once, of file and flags', () => {
    assert.deepEqual(
      problems('apiRate: 0\nlog: {level: loud}', '--health-port', '70000').map(problem => problem.split(':')[0]),
      ['apiRate', '--health-port', 'log.level'],
    );
    assert.deepEqual(
      problems('a: [', '--colour').map(problem => problem.split(':')[0]),
      ['--colour', 'configuration file, line 1'],
    );
  });

  it('never repeats a value, which may be a secret', () => {
    const secret = 'hunter2hunter2';
    const texts = [
      `prometheus: {url: "http://admin:${secret}@p:9090"}`,
      `prometheus: {url: "${secret}"}`,
      `prometheus: {url: "http://p", bearerToken: ${secret}}`,
      `prometheus: {url: "http://p", bearerTokenFile: [${secret}]}`,
      `prometheus: {url: "http://p?token=${secret}"}`,
      `prometheus: "${secret}"`,
      `rootNamespace: "${secret} "`,
      `log: {level: ${secret}}`,
      secret,
      `a: *${secret}`,
      `a: !${secret} b`,
      `token: ${secret}\nb: [`,
      `token: "${secret}`,
    ];
    for (const text of texts) assert.ok(!problems(text).join('\n').includes(secret), problems(text).join('\n'));
    for (const argv of [
      ['--token', secret],
      [`--token=${secret}`],
      [secret],
      [`--help=${secret}`],
      [`--health-port=${secret}`],
    ]) {
      assert.ok(
        !problems(undefined, ...argv)
          .join('\n')
          .includes(secret),
        problems(undefined, ...argv).join('\n'),
      );
    }
  });
});

describe('flags', () => {
  it('reads them all', () => {
    assert.deepEqual(parseFlags(['--help']), { flags: { help: true, version: false } });
    assert.deepEqual(parseFlags(['--version', '--config', 'a.yaml']), {
      flags: { help: false, version: true, config: 'a.yaml' },
    });
    assert.deepEqual(parseFlags([]), { flags: { help: false, version: false } });
  });

  const refused: [argv: string[], problem: RegExp][] = [
    [['--colour'], /^--colour: unknown flag; allowed: --kubeconfig, .*--help$/],
    [['-v'], /^-v: unknown flag/],
    [['--config'], /^--config: needs a value$/],
    [['--config='], /^--config: needs a value$/],
    [['--log-level'], /^--log-level: needs a value$/],
    [['--version=2'], /^--version: takes no value$/],
    [['--health-port', 'http'], /^--health-port: must be a whole number/],
    [['--help', 'run'], /^argument 2: only flags are allowed/],
  ];
  for (const [argv, problem] of refused) {
    it(`refuses ${argv.join(' ')}`, () => {
      const result = parseFlags(argv);
      assert.ok('problems' in result);
      assert.match(result.problems.join('\n'), problem);
    });
  }
});
