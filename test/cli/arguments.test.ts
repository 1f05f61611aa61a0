import assert from 'node:assert/strict';
import { type Call, HELP, parseCall } from '../../src/cli/arguments.ts';

function call(...argv: string[]): Call {
  const parsed = parseCall(argv);
  assert.ok('call' in parsed, JSON.stringify(parsed));
  return parsed.call;
}

describe('arguments of the plugin', () => {
  it('have defaults', () => {
    assert.deepEqual(call('status'), {
      command: 'status',
      name: undefined,
      namespace: undefined,
      allNamespaces: false,
      format: 'text',
      rootNamespace: undefined,
      filenames: [],
      diff: true,
      connection: {},
    });
  });

  it('are spelled in every way that kubectl takes', () => {
    for (const argv of [
      ['plan', 'shop', '-n', 'ad', '-o', 'json'],
      ['plan', '-nad', 'shop', '-ojson'],
      ['-n=ad', 'plan', 'shop', '-o=json'],
      ['--namespace=ad', '--output=json', 'plan', 'shop'],
      ['plan', '--namespace', 'ad', '--output', 'json', '--', 'shop'],
    ]) {
      const { command, name, namespace, format } = call(...argv);
      assert.deepEqual([command, name, namespace, format], ['plan', 'shop', 'ad', 'json'], argv.join(' '));
    }
    assert.equal(call('status', '-A').allNamespaces, true);
    const connection = { kubeconfig: 'k', context: 'c', server: 'http://127.0.0.1:1' };
    const flags = ['--kubeconfig=k', '--context', 'c', '--server', 'http://127.0.0.1:1'];
    assert.deepEqual(call('retry', 'shop', ...flags).connection, connection);
  });

  it('name a wave, and who approves it', () => {
    const { command, name, wave, by } = call('approve', 'shop', 'core', '--by', 'alice');
    assert.deepEqual([command, name, wave, by], ['approve', 'shop', 'core', 'alice']);
    for (const [argv, problem] of [
      [['approve', 'shop'], 'approve takes the names of a MtlsRollout and of a wave of it'],
      [['approve', 'shop', 'core', 'edge'], 'approve takes the names of a MtlsRollout and of a wave of it'],
      [['retry', 'shop', '--by', 'alice'], '--by is for approve, not for retry'],
    ] as const)
      assert.deepEqual(
        'problem' in parseCall([...argv]) && (parseCall([...argv]) as { problem: string }).problem,
        problem,
      );
  });

  it('name files in every way, also more than once', () => {
    for (const argv of [
      ['-f', 'a', '-f', '-'],
      ['-fa', '-f-'],
      ['-f=a', '--filename=-'],
      ['--filename', 'a', '--filename', '-'],
    ])
      assert.deepEqual(call('hazards', ...argv).filenames, ['a', '-'], argv.join(' '));
    assert.equal(call('plan', '-f', 'a', '--no-diff').diff, false);
    assert.equal(call('hazards', '-o', 'sarif').format, 'sarif');
    assert.equal(call('status', '-o', 'wide').format, 'wide');
  });

  it('ask for help or version whatever else is there', () => {
    assert.deepEqual(parseCall(['plan', 'a', 'b', '-h']), { show: 'help' });
    assert.deepEqual(parseCall(['--version']), { show: 'version' });
    for (const flag of [
      '--kubeconfig',
      '--context',
      '--server',
      '-f',
      '-n',
      '-A',
      '-o',
      '-h',
      '--version',
      '--no-diff',
    ])
      assert.ok(HELP.includes(flag), flag);
  });

  const refused: [argv: string, problem: string][] = [
    ['', 'a command is missing: one of status, describe, explain, hazards, plan, approve, retry, suspend, resume'],
    [
      'stauts',
      'unknown command "stauts": use one of status, describe, explain, hazards, plan, approve, retry, suspend, resume',
    ],
    [
      'constructor',
      'unknown command "constructor": use one of status, describe, explain, hazards, plan, approve, retry, suspend, resume',
    ],
    ['describe a b', 'describe takes one name, not 2'],
    ['status a', 'status takes no name: "describe NAME" shows where a rollout stands'],
    ['retry', 'retry needs the name of a MtlsRollout'],
    ['suspend a -A', 'suspend works on one MtlsRollout: -A does not go with it'],
    ['resume a -o json', '-o is for status, describe, explain, hazards and plan, not for resume'],
    ['retry a -f b', '-f is for status, hazards and plan, not for retry'],
    ['describe -f b', '-f is for status, hazards and plan, not for describe'],
    ['plan -f b --context c', 'with -f no cluster is asked: --context does not go with it'],
    ['plan -f b -A', 'with -f every namespace is looked at: -A does not go with it'],
    ['plan -f', '-f needs a value'],
    ['plan -f -A', '-f needs a value'],
    ['plan a -A', 'a name is of one namespace: use -n instead of -A'],
    ['plan -A -n b', '-n and -A do not go together'],
    ['plan -o wide', '-o must be json or yaml'],
    ['hazards -o xml', '-o must be json, yaml, sarif or junit'],
    ['hazards --no-diff', '--no-diff is for plan, not for hazards'],
    ['plan -n', '-n needs a value'],
    ['plan -n -A', '-n needs a value'],
    ['plan --namespace=', '--namespace needs a value'],
    ['plan --all-namespaces=yes', '--all-namespaces takes no value'],
    ['plan --foo', 'unknown flag --foo'],
    ['plan -x', 'unknown flag -x'],
    ['describe --root-namespace a', '--root-namespace is for status, hazards and plan, not for describe'],
    ['status --server 127.0.0.1', '--server must be an http or https address'],
    ['status --server ftp://a', '--server must be an http or https address'],
  ];
  for (const [argv, problem] of refused) {
    it(`refuse "${argv}"`, () => {
      const parsed = parseCall(argv.split(' ').filter(word => word !== ''));
      assert.ok('problem' in parsed, JSON.stringify(parsed));
      assert.equal(parsed.problem, problem);
      assert.match(parsed.usage, /^kubectl mtlsrollout (COMMAND|status|describe|hazards|plan|retry|suspend|resume) /);
    });
  }
});
