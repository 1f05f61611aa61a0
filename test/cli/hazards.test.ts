import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import { specSchema } from '../../src/api/schema.ts';
import type { HazardReport } from '../../src/cli/hazardReport.ts';
import { hazardReportLines } from '../../src/cli/hazardReportView.ts';
import { junitOf } from '../../src/cli/junit.ts';
import { sarifOf } from '../../src/cli/sarif.ts';
import { NOW, offline } from './folder.ts';
import { problemsOfSarif } from './sarifSchema.ts';
import { wellFormed } from './xml.ts';

const WEBHOOKS = 'test/manifests/cert-manager';
const rolloutWith = (spec: string) => `
apiVersion: mtlsrollout.io/v1alpha1
kind: MtlsRollout
metadata: {name: own, namespace: cert-manager}
spec: {target: {namespace: {}}, ${spec}}
`;
const files = (rollout: string) => ({
  'cert-manager.yaml': readFileSync(`${WEBHOOKS}/cert-manager.yaml`, 'utf8'),
  'webhooks.yaml': readFileSync(`${WEBHOOKS}/webhooks.yaml`, 'utf8'),
  'rollout.yaml': rollout,
});

interface Sarif {
  runs: {
    tool: { driver: { rules: { id: string }[] } };
    results: {
      ruleId: string;
      ruleIndex: number;
      level: string;
      suppressions?: unknown[];
      locations: {
        physicalLocation?: { artifactLocation: { uri: string }; region: { startLine: number } };
        logicalLocations: { fullyQualifiedName: string }[];
      }[];
    }[];
  }[];
}

/** With everything that could break what is written. */
const NASTY: HazardReport = {
  namespace: 'istio-system',
  name: 'a<b>&"c"',
  rootNamespace: 'istio-system',
  scopes: ['x', 'y<&>', 'z'],
  blocking: 1,
  notes: [],
  hazards: [
    {
      code: 'A',
      severity: 'Block',
      scope: 'y<&>',
      object: 'Pod "a"',
      message: 'a \u0000\u001b[31m\ud800 <![CDATA[ ]]> &amp;',
      fix: '<',
    },
    { code: 'B', severity: 'Block', scope: 'x', object: 'Pod b', message: 'b', accepted: true },
    { code: 'C', severity: 'Warn', object: 'Mesh', message: 'c' },
    { code: 'D', severity: 'Info', scope: 'x', object: 'Pod d', message: 'd' },
  ],
};

describe('hazards', () => {
  it('are shown worst first, and end with 2 where one blocks that nobody accepted', async () => {
    const { code, out } = await offline(['hazards'], files(rolloutWith('')));
    assert.equal(code, 2);
    assert.match(
      out,
      /^MtlsRollout cert-manager\/own\n\nHazards {2}2 blocking, .* in 1 scope\n\nSEVERITY {2}CODE +SCOPE +OBJECT\nblocking /,
    );
    assert.match(
      out,
      /\nblocking {2}WebhookPort +cert-manager {2}ValidatingWebhookConfiguration cert-manager-webhook\n {4}the API server/,
    );
    const words = [...out.matchAll(/^(blocking|accepted|warning|note) /gm)].map(([, word]) => word);
    assert.deepEqual(
      words.toSorted((a, b) => order(a) - order(b)),
      words,
    );
    const accepted = await offline(['hazards', 'own'], files(rolloutWith('preflight: {accept: [WebhookPort]}')));
    assert.equal(accepted.code, 0);
    assert.match(accepted.out, /Hazards {2}.*2 accepted in 1 scope/);
    assert.doesNotMatch(accepted.out.slice(accepted.out.indexOf('\naccepted')), /spec\.exceptions/);
  });

  const order = (word = '') => ['blocking', 'warning', 'note', 'accepted'].indexOf(word);

  it('propose the exception that takes a port out, once for all that it takes away', async () => {
    const { out } = await offline(['hazards'], files(rolloutWith('')));
    const [, text = ''] = /for spec\.exceptions:\n((?: {6}.*\n)+)/.exec(out)!;
    const entries = load(text);
    assert.deepEqual(entries, [
      {
        name: 'cert-manager-webhook-10250',
        selector: {
          matchLabels: {
            'app.kubernetes.io/name': 'webhook',
            'app.kubernetes.io/instance': 'cert-manager',
            'app.kubernetes.io/component': 'webhook',
          },
        },
        ports: [10250],
        reason: 'the API server calls webhook webhook.cert-manager.io, without mutual TLS',
        until: '2027-03-01',
      },
    ]);
    assert.equal(out.match(/for spec\.exceptions:/g)?.length, 1);
    assert.match(out, /the exception that is proposed above takes this away too/);
    const spec = specSchema.safeParse({ target: { namespace: {} }, exceptions: entries });
    assert.ok(spec.success, JSON.stringify(spec.error?.issues));
    const inRoot = await offline(['hazards'], [WEBHOOKS]);
    assert.match(inRoot.out, /- name: cert-manager-webhook-10250\n {8}namespace: cert-manager\n/);
  });

  it('propose exceptions whose names are fit, and differ', () => {
    const exception = { namespace: 'a', selector: { app: 'a' }, ports: [65535], reason: 'r' };
    const object = `APIService ${'v1.a_b.'.repeat(40)}io`;
    const hazard = { code: 'A', severity: 'Block' as const, object, message: 'm' };
    const hazards = ['a', 'b', 'c'].map(app => ({ ...hazard, exception: { ...exception, selector: { app } } }));
    const lines = hazardReportLines({ ...NASTY, hazards }, NOW, undefined).join('\n');
    const names = [...lines.matchAll(/- name: (.*)/g)].map(([, name = '']) => name);
    assert.equal(new Set(names).size, 3);
    for (const name of names) assert.match(name, /^(?=.{1,63}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
    const parsed = specSchema.safeParse({ target: { namespace: {} }, exceptions: names.map(name => entryOf(name)) });
    assert.ok(parsed.success);
  });

  const entryOf = (name: string) => ({
    name,
    selector: { matchLabels: { app: name } },
    reason: 'r',
    until: '2027-03-01',
  });

  it('fit a terminal of 80 columns, but for what is to be pasted', async () => {
    const { out } = await offline(['hazards'], [WEBHOOKS], 80);
    assert.match(out, /\n {4}ValidatingWebhookConfiguration cert-manager-webhook: the API server/);
    const wide = out.split('\n').filter(line => line.length > 80);
    assert.deepEqual(
      wide.filter(line => !/^ {8}reason: /.test(line)),
      [],
    );
  });

  it('are the same as JSON and YAML', async () => {
    const json = JSON.parse((await offline(['hazards', '-o', 'json'], files(rolloutWith('')))).out) as {
      items: HazardReport[];
    };
    assert.deepEqual(load((await offline(['hazards', '-o', 'yaml'], files(rolloutWith('')))).out), json);
    const [{ scopes, blocking, hazards } = NASTY] = json.items;
    assert.deepEqual([scopes, blocking], [['cert-manager'], 2]);
    assert.deepEqual(hazards[0]?.exception?.ports, [10250]);
  });

  it('are none for a rollout that is refused, which is a failure all the same', async () => {
    const { code, out } = await offline(['hazards'], files(rolloutWith('').replace('namespace: {}', 'mesh: {}')));
    assert.equal(code, 2);
    assert.match(out, /Refused {2}NotInRootNamespace: /);
    const junit = await offline(
      ['hazards', '-o', 'junit'],
      files(rolloutWith('').replace('namespace: {}', 'mesh: {}')),
    );
    assert.match(junit.out, /<failure type="NotInRootNamespace" /);
  });

  describe('as SARIF', () => {
    it('have a rule a code, and a place in the files', async () => {
      const { code, out } = await offline(['hazards', '-o', 'sarif'], [WEBHOOKS]);
      assert.equal(code, 2);
      const sarif = JSON.parse(out) as Sarif;
      assert.deepEqual(problemsOfSarif(sarif), []);
      const [{ tool, results } = sarif.runs[0]!] = sarif.runs;
      for (const { ruleId, ruleIndex } of results) assert.equal(tool.driver.rules[ruleIndex]?.id, ruleId);
      for (const { locations } of results) {
        const [{ physicalLocation, logicalLocations } = locations[0]!] = locations;
        const { artifactLocation, region } = physicalLocation!;
        const [kind, name] = logicalLocations[0]!.fullyQualifiedName.split(/ .*\/| /);
        const lines = readFileSync(artifactLocation.uri, 'utf8')
          .split('\n')
          .slice(region.startLine - 1);
        const document = lines.slice(0, lines.indexOf('---') >= 0 ? lines.indexOf('---') : undefined).join('\n');
        assert.ok(document.includes(`kind: ${kind}`) && document.includes(`name: ${name}`), `${kind} ${name}`);
      }
    });

    it('have suppressions where they are accepted, and levels by severity', () => {
      const sarif = sarifOf([NASTY], () => undefined) as Sarif;
      assert.deepEqual(problemsOfSarif(sarif), []);
      assert.deepEqual(
        sarif.runs[0]?.results.map(({ level, suppressions }) => [level, suppressions?.length]),
        [
          ['error', undefined],
          ['error', 1],
          ['warning', undefined],
          ['note', undefined],
        ],
      );
    });

    it('have addresses that are valid, and none where there is no file', () => {
      const uri = (file: string) => {
        const { runs } = sarifOf([NASTY], () => ({ file, line: 3 })) as Sarif;
        return runs[0]?.results[0]?.locations[0]?.physicalLocation?.artifactLocation.uri;
      };
      assert.deepEqual(['./a/b.yaml', 'a b/ü%.yaml', '/x/y.yaml', '-'].map(uri), [
        'a/b.yaml',
        'a%20b/%C3%BC%25.yaml',
        'file:///x/y.yaml',
        undefined,
      ]);
    });
  });

  describe('as JUnit', () => {
    it('have a suite a rollout and a case a scope', async () => {
      const { out } = await offline(['hazards', '-o', 'junit'], [WEBHOOKS]);
      wellFormed(out);
      assert.match(out, /<testsuite name="istio-system\/cert-manager" tests="2" failures="1">/);
      assert.match(
        out,
        /<testcase classname="istio-system\/cert-manager" name="cert-manager">\n {6}<failure type="WebhookPort" message="the API/,
      );
    });

    it('have failures only for what blocks, and everything escaped', () => {
      const text = junitOf([NASTY, { ...NASTY, name: 'other', hazards: [], blocking: 0 }]);
      wellFormed(text);
      assert.match(text, /^<testsuites name="mtlsrollout hazards" tests="8" failures="1">$/m);
      assert.match(
        text,
        /<testcase classname="istio-system\/a&lt;b&gt;&amp;&quot;c&quot;" name="y&lt;&amp;&gt;">\n {6}<failure type="A" /,
      );
      assert.match(text, /name="x">\n {6}<system-out>accepted: B, Pod b\nb\n\nnote: D, Pod d\nd<\/system-out>/);
      assert.match(text, /name="\(rollout\)">\n {6}<system-out>warning: C, Mesh\nc<\/system-out>/);
      assert.match(text, /name="z"\/>/);
      assert.ok(text.isWellFormed());
      assert.doesNotMatch(text.replaceAll('\n', ''), /\p{Cc}/u);
    });
  });

  it('steer no terminal', () => {
    assert.doesNotMatch(hazardReportLines(NASTY, NOW, 100).join(''), /\p{Cc}/u);
  });
});
