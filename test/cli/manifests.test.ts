import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { offline } from './folder.ts';

const NAMESPACE = `apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
`;
const DEPLOYMENT = `apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  template:
    metadata: {labels: {app: cart}}
    spec: {containers: [{name: cart, ports: [{containerPort: 8080}]}]}
`;
const POLICY = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
`;
const ROW = 'shop       Deployment/cart  8080  STRICT  shop/default  Sidecar';

const item = (yaml: string) => `- ${yaml.trimEnd().replaceAll('\n', '\n  ')}\n`;
const list = (kind: string, items: string) => `apiVersion: v1\nkind: ${kind}\nitems:\n${items}`;

/** What the plugin says about one file that is wrong. */
async function refused(text: string): Promise<string[]> {
  const { code, out, err } = await offline(['hazards'], { 'a.yaml': text });
  assert.deepEqual([code, out], [1, ''], err);
  return err.trimEnd().split('\n');
}

describe('manifests in place of a cluster', () => {
  const same: [what: string, files: Record<string, string>][] = [
    ['documents of one file', { 'a.yaml': [NAMESPACE, DEPLOYMENT, POLICY].join('---\n') }],
    ['files of a folder and below', { 'a.yaml': NAMESPACE, 'b/c.yml': DEPLOYMENT, 'b/d/e.yaml': POLICY }],
    ['a list', { 'a.yaml': list('List', [NAMESPACE, DEPLOYMENT, POLICY].map(item).join('')) }],
    [
      'lists in a list',
      { 'a.yaml': list('List', item(list('List', [NAMESPACE, DEPLOYMENT, POLICY].map(item).join('')))) },
    ],
    [
      'a list of one kind, whose items do not say so',
      {
        'a.yaml': [
          list('NamespaceList', item(NAMESPACE.split('\n').slice(2).join('\n'))),
          list('DeploymentList', item(DEPLOYMENT.split('\n').slice(2).join('\n'))).replace('v1', 'apps/v1'),
          POLICY,
        ].join('---\n'),
      },
    ],
    [
      'JSON, empty documents and comments',
      {
        'a.json':
          '{"apiVersion":"v1","kind":"Namespace",\n\t"metadata":{"name":"shop","labels":{"istio-injection":"enabled"}}}',
        'b.yaml': `# a comment\n---\n---\n${DEPLOYMENT}---\n${POLICY}---\n# the end\n`,
        'c.txt': 'not looked at: [',
      },
    ],
    [
      'what a cluster gave, with its own fields',
      {
        'a.yaml': [
          NAMESPACE,
          DEPLOYMENT.replace('name: cart,', 'name: cart, creationTimestamp: null, managedFields: [],'),
          POLICY,
        ].join('---\n'),
      },
    ],
  ];
  for (const [what, files] of same) {
    it(`may be ${what}`, async () => {
      const { code, out, err } = await offline(['status'], files);
      assert.equal(code, 0, err);
      assert.deepEqual(out.split('\n')[1]?.trimEnd(), ROW);
      assert.equal(err, '');
    });
  }

  it('may be standard input', () => {
    const args = ['src/cli/main.ts', 'status', '-f', '-'];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      input: [NAMESPACE, DEPLOYMENT, POLICY].join('---\n'),
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] },
    });
    assert.equal(status, 0, stderr);
    assert.ok(stdout.includes(ROW), stdout);
    const broken = spawnSync(process.execPath, args, { input: ']', encoding: 'utf8' });
    assert.match(broken.stderr, /^error: standard input, line 1: is not YAML: /);
  });

  const wrong: [what: string, text: string, problems: string[]][] = [
    ['that is no YAML', `${NAMESPACE}---\na: [\n`, ['a.yaml, line 6: is not YAML: deficient indentation']],
    [
      'that is no object',
      `${NAMESPACE}---\n- 1\n`,
      ['a.yaml, document 2 (line 5): object: must be an object, not a list'],
    ],
    [
      'without a kind and a name',
      `${NAMESPACE}---\napiVersion: v1\nmetadata: {generateName: a}\n`,
      [
        'a.yaml, document 2 (line 5): kind: must be given: a string',
        'a.yaml, document 2 (line 5): metadata.name: must be given: a string',
      ],
    ],
    [
      'in a list',
      list('List', item(NAMESPACE) + item('apiVersion: v1\nkind: Service\nmetadata: {name: 7}')),
      ['a.yaml, document 1 (line 7): metadata.name: must be a string, not 7'],
    ],
    [
      'that is there twice',
      `${POLICY}---\n${POLICY.replace('/v1', '/v1beta1')}`,
      ['a.yaml, document 2 (line 6): PeerAuthentication shop/default is already in a.yaml, document 1 (line 1)'],
    ],
    [
      'with fields of a policy that are wrong',
      POLICY.replace('{mtls: {mode: STRICT}}', '{mtls: {mode: strict}, portLevelMtls: {http: {mode: ON}, 70000: {}}}'),
      [
        'a.yaml, document 1 (line 1): spec.mtls.mode: must be one of UNSET, DISABLE, PERMISSIVE, STRICT, not "strict"',
        'a.yaml, document 1 (line 1): spec.portLevelMtls.70000: the key must be a port from 1 to 65535',
        'a.yaml, document 1 (line 1): spec.portLevelMtls.http: the key must be a port from 1 to 65535',
        'a.yaml, document 1 (line 1): spec.portLevelMtls: needs spec.selector.matchLabels',
      ],
    ],
    [
      'with a selector of a policy that is no map of texts',
      POLICY.replace('{mtls: {mode: STRICT}}', '{selector: {matchLabels: {version: 1}}}'),
      ['a.yaml, document 1 (line 1): spec.selector.matchLabels.version: must be a string, not 1'],
    ],
    [
      'with ports of a policy for no workload',
      POLICY.replace('{mtls: {mode: STRICT}}', '{portLevelMtls: {8080: {mode: DISABLE}}}'),
      ['a.yaml, document 1 (line 1): spec.portLevelMtls: needs spec.selector.matchLabels'],
    ],
    [
      'with fields of a rule that are wrong',
      'apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: a}\nspec: {host: 5, trafficPolicy: {tls: {mode: MTLS}}}\n',
      [
        'a.yaml, document 1 (line 1): spec.host: must be a string, not 5',
        'a.yaml, document 1 (line 1): spec.trafficPolicy.tls.mode: must be one of DISABLE, SIMPLE, MUTUAL, ISTIO_MUTUAL, not "MTLS"',
      ],
    ],
    [
      'with ports of a Service that are wrong',
      'apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: "80"}, {port: 80, targetPort: 0}]}\n',
      [
        'a.yaml, document 1 (line 1): spec.ports[0].port: must be a number, not "80"',
        'a.yaml, document 1 (line 1): spec.ports[1].targetPort: must be a port from 1 to 65535, or the name of one',
      ],
    ],
    [
      'that is a workload without a template',
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {}\n',
      ['a.yaml, document 1 (line 1): spec.template: must be given: an object'],
    ],
    [
      'that is a rollout which the API server would refuse',
      'apiVersion: mtlsrollout.io/v1alpha1\nkind: MtlsRollout\nmetadata: {name: a}\nspec: {target: {namespace: {}}, mode: Go}\n',
      ['a.yaml, document 1 (line 1): spec.mode: must be one of Plan, Enforce, Revert, not "Go"'],
    ],
  ];
  for (const [what, text, problems] of wrong) {
    it(`are refused with an object ${what}`, async () => {
      assert.deepEqual(
        await refused(text),
        problems.map(problem => `error: ${problem}`),
      );
    });
  }

  it('are refused with everything that is wrong at once, within bounds', async () => {
    const many = Array.from({ length: 25 }, (_, index) =>
      POLICY.replace('STRICT', `M${index}`).replace('default', `p${index}`),
    );
    const { code, err } = await offline(['status'], { 'a.yaml': many.join('---\n'), 'b.yaml': ']' });
    assert.equal(code, 1);
    const lines = err.trimEnd().split('\n');
    assert.equal(lines.length, 21);
    assert.match(lines[0]!, /^error: b\.yaml, line 1: is not YAML: /);
    assert.equal(lines.at(-1), 'error: 6 more problems');
  });

  it('are refused where a name leads nowhere', async () => {
    const missing = await offline(['plan'], ['test/cli/none.yaml']);
    assert.deepEqual(missing, {
      code: 1,
      out: '',
      err: 'error: cannot read test/cli/none.yaml: there is no such file or folder\n',
    });
    const empty = await offline(['plan'], { 'a.txt': '' });
    assert.match(empty.err, /^error: there is no \.yaml, \.yml or \.json file in .*manifests-\w+\n$/);
  });

  it('say what they leave open', async () => {
    const other = 'apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n';
    const { err } = await offline(['status'], {
      'a.yaml': [DEPLOYMENT, other, other.replace('name: a', 'name: b'), other.replace('Secret', 'Role')].join('---\n'),
      'k/kustomization.yaml': 'resources: [../a.yaml]\n',
    });
    const [kustomization, ...notes] = err.trimEnd().split('\n');
    assert.match(
      kustomization!,
      /^Note: k\/kustomization\.yaml is not carried out: pipe "kubectl kustomize .*k" into -f -/,
    );
    assert.deepEqual(notes, [
      'Note: there is no Namespace object for shop: without its labels it cannot be told whether pods get a proxy, and they count as if they got none',
      'Note: 3 objects of kinds that no rule looks at: 2 Secret and 1 Role',
    ]);
  });

  it('are in the namespace that kubectl apply would choose', async () => {
    const files = { 'a.yaml': DEPLOYMENT.replace(', namespace: shop', '') };
    assert.match((await offline(['status'], files)).out, /\ndefault {4}Deployment\/cart /);
    assert.match((await offline(['status', '-n', 'mine'], files)).out, /\nmine {7}Deployment\/cart /);
  });

  it('have the root namespace that their mesh configuration names, unless another is asked for', async () => {
    const mesh =
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata: {mesh: "rootNamespace: shop"}\n';
    const files = { 'a.yaml': [NAMESPACE, DEPLOYMENT.replace('shop', 'cart'), POLICY, mesh].join('---\n') };
    const [row] = /\ncart .*/.exec((await offline(['status'], files)).out)!;
    assert.match(row, /none, no proxy/);
    const plan = await offline(['plan', '--no-diff'], files);
    assert.match(plan.out, /^MtlsRollout shop\/manifests\n.*Mesh root {2}shop\n.*\ndone +cart +STRICT +shop\/default/s);
    const asked = await offline(['plan', '--no-diff', '--root-namespace', 'istio-system'], files);
    assert.match(asked.out, /\n2 +cart +PERMISSIVE +Istio's default .*\ndone +shop +STRICT +shop\/default/);
  });

  it('break ties of age by name, as Istio does', async () => {
    const files = {
      'a.yaml': [NAMESPACE, DEPLOYMENT, POLICY, POLICY.replace('default', 'a').replace('STRICT', 'DISABLE')].join(
        '---\n',
      ),
    };
    assert.match((await offline(['status'], files)).out, /8080 +DISABLE +shop\/a /);
  });

  it('make a rollout up where they have none, and say so', async () => {
    const files = {
      'a.yaml': [NAMESPACE, DEPLOYMENT].join('---\n'),
      'b.yaml': DEPLOYMENT.replace('shop', 'kube-system'),
    };
    const { code, out, err } = await offline(['plan', '--no-diff'], files);
    assert.equal(code, 0);
    assert.match(out, /^MtlsRollout istio-system\/manifests\n.*: 1 scope in 1 wave/s);
    assert.equal(
      err,
      'Note: there is no MtlsRollout in the files: istio-system/manifests is made up, for every namespace in them\n',
    );
    const nothing = await offline(['hazards'], {
      'a.yaml': POLICY.replace('namespace: shop', 'namespace: istio-system'),
    });
    assert.deepEqual([nothing.code, nothing.out], [0, '']);
    assert.match(nothing.err, /no namespace that one could move\n$/);
  });

  it('have rollouts that are chosen by name, and that may stand in each other’s way', async () => {
    const rollout = (name: string, namespace: string) =>
      `apiVersion: mtlsrollout.io/v1alpha1\nkind: MtlsRollout\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: {target: {namespace: {}}}\n`;
    const files = {
      'a.yaml': [NAMESPACE, DEPLOYMENT, rollout('first', 'shop'), rollout('second', 'shop')].join('---\n'),
    };
    const all = await offline(['plan', '--no-diff'], files);
    assert.equal(all.code, 2);
    assert.match(all.out, /Refused {2}Conflicted: MtlsRollout shop\/first is older and governs/);
    assert.equal((await offline(['plan', 'first'], files)).code, 0);
    const none = await offline(['plan', 'third'], files);
    assert.equal(none.err, 'error: no MtlsRollout third in the files: there is shop/first and shop/second\n');
  });
});
