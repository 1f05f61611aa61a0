/** The command line of the plugin: one command, at most one name, and flags that are spelled as kubectl spells them. */
import { parseArgs } from 'node:util';

/** What each command takes besides the connection flags. */
const COMMANDS = {
  status: { usage: 'status [NAME] [-n NAMESPACE | -A] [-o json|yaml]', name: 'optional', reads: true },
  plan: { usage: 'plan [NAME] [-n NAMESPACE | -A] [-o json|yaml]', name: 'optional', reads: true },
  retry: { usage: 'retry NAME [-n NAMESPACE]', name: 'required', reads: false },
  suspend: { usage: 'suspend NAME [-n NAMESPACE]', name: 'required', reads: false },
  resume: { usage: 'resume NAME [-n NAMESPACE]', name: 'required', reads: false },
} as const;

type Command = keyof typeof COMMANDS;
export type Format = 'text' | 'json' | 'yaml';

export interface ConnectionFlags {
  kubeconfig?: string;
  context?: string;
  server?: string;
}

export interface Call {
  command: Command;
  name: string | undefined;
  /** Undefined: that of the kubeconfig's context. */
  namespace: string | undefined;
  allNamespaces: boolean;
  format: Format;
  /** Undefined: what the mesh configuration says. */
  rootNamespace: string | undefined;
  connection: ConnectionFlags;
}

export type Parsed = { call: Call } | { show: 'help' | 'version' } | { problem: string; usage: string };

const CALLED = 'kubectl mtlsrollout';

export const HELP = `See and steer MtlsRollouts: the move of an Istio mesh to STRICT mutual TLS.

usage: ${CALLED} COMMAND [flags]

commands
  status [NAME]   where rollouts stand and what they wait for
  plan [NAME]     waves, scopes and what would be written, computed now from the cluster with your own rights;
                  ends with 2 when a hazard or an obstacle stands in the way
  retry NAME      let a rollout that was rolled back or paused try again
  suspend NAME    hold everything but an ongoing rollback
  resume NAME     go on after suspend

flags
  -n, --namespace NAME      namespace; that of the kubeconfig's context unless given
  -A, --all-namespaces      every namespace (status, plan)
  -o, --output json|yaml    for programs instead of people (status, plan)
      --root-namespace NAME mesh root namespace; read from ConfigMap istio-system/istio unless given (plan)
      --kubeconfig FILE     how to reach the cluster
      --context NAME        context of the kubeconfig
      --server URL          address of the API server; no credentials are sent over plain http
  -h, --help                print this text
      --version             print the version
`;

const OPTIONS = {
  namespace: { type: 'string', short: 'n' },
  'all-namespaces': { type: 'boolean', short: 'A' },
  output: { type: 'string', short: 'o' },
  'root-namespace': { type: 'string' },
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
  server: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

type Option = keyof typeof OPTIONS;

/** Reads the arguments after node and script. */
export function parseCall(argv: string[]): Parsed {
  // not strict: strict mode throws at the first mistake, in words of its own
  const { tokens } = parseArgs({ args: argv, options: OPTIONS, strict: false, allowPositionals: true, tokens: true });
  const words: string[] = [];
  const flags: Partial<Record<Option, string>> = {};
  const problems: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    const problem = problemWith(name, rawName, value);
    if (problem) problems.push(problem);
    // a short flag takes its value with an equals sign too, as in kubectl
    else flags[name as Option] = rawName.startsWith('--') ? (value ?? '') : (value ?? '').replace(/^=/, '');
  }
  if (flags.help !== undefined) return { show: 'help' };
  if (flags.version !== undefined) return { show: 'version' };
  const [word, ...names] = words;
  const command = Object.hasOwn(COMMANDS, word ?? '') ? (word as Command) : undefined;
  const usage = `${CALLED} ${command ? COMMANDS[command].usage : 'COMMAND [flags]'}`;
  const [problem] = [...problems, ...(command ? misuse(command, names, flags) : [unknownCommand(word)])];
  if (problem !== undefined || !command) return { problem: problem ?? '', usage };
  return { call: callOf(command, names[0], flags) };
}

function problemWith(name: string, rawName: string, value: string | undefined): string | undefined {
  if (!Object.hasOwn(OPTIONS, name)) return `unknown flag ${rawName}`;
  const takesValue = OPTIONS[name as Option].type === 'string';
  if (!takesValue) return value === undefined ? undefined : `${rawName} takes no value`;
  return !value || value === '=' || value.startsWith('-') ? `${rawName} needs a value` : undefined;
}

function unknownCommand(word: string | undefined): string {
  const known = Object.keys(COMMANDS).join(', ');
  return word === undefined
    ? `a command is missing: one of ${known}`
    : `unknown command "${word}": use one of ${known}`;
}

/** What does not go together. */
function misuse(command: Command, names: string[], flags: Partial<Record<Option, string>>): string[] {
  const { name, reads } = COMMANDS[command];
  const all = flags['all-namespaces'] !== undefined;
  const found: [boolean, string][] = [
    [names.length > 1, `${command} takes one name, not ${names.length}`],
    [name === 'required' && names.length === 0, `${command} needs the name of a MtlsRollout`],
    [!reads && all, `${command} works on one MtlsRollout: -A does not go with it`],
    [!reads && flags.output !== undefined, `-o is for status and plan, not for ${command}`],
    [all && names.length > 0, 'a name is of one namespace: use -n instead of -A'],
    [all && flags.namespace !== undefined, '-n and -A do not go together'],
    [flags.output !== undefined && !['json', 'yaml'].includes(flags.output), '-o must be json or yaml'],
    [command !== 'plan' && flags['root-namespace'] !== undefined, `--root-namespace is for plan, not for ${command}`],
    [flags.server !== undefined && !isHttp(flags.server), '--server must be an http or https address'],
  ];
  return found.filter(([wrong]) => wrong).map(([, problem]) => problem);
}

function isHttp(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

function callOf(command: Command, name: string | undefined, flags: Partial<Record<Option, string>>): Call {
  const { kubeconfig, context, server } = flags;
  return {
    command,
    name,
    namespace: flags.namespace,
    allNamespaces: flags['all-namespaces'] !== undefined,
    format: (flags.output as Format | undefined) ?? 'text',
    rootNamespace: flags['root-namespace'],
    connection: {
      ...(kubeconfig === undefined ? {} : { kubeconfig }),
      ...(context === undefined ? {} : { context }),
      ...(server === undefined ? {} : { server }),
    },
  };
}
