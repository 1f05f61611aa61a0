/** The command line of the plugin: one command, at most one name, and flags that are spelled as kubectl spells them. */
import { parseArgs } from 'node:util';
import { listed } from '../rollout/text.ts';

/** What each command takes besides the connection flags. */
const COMMANDS = {
  status: {
    usage: 'status [-n NAMESPACE | -A | -f FILE...] [-o wide|json|yaml]',
    name: 'none',
    formats: ['wide', 'json', 'yaml'],
    files: true,
  },
  describe: {
    usage: 'describe [NAME] [-n NAMESPACE | -A] [-o json|yaml]',
    name: 'optional',
    formats: ['json', 'yaml'],
  },
  explain: {
    usage: 'explain NAME [-n NAMESPACE] [-o json|yaml]',
    name: 'required',
    formats: ['json', 'yaml'],
  },
  hazards: {
    usage: 'hazards [NAME] [-n NAMESPACE | -A | -f FILE...] [-o json|yaml|sarif|junit]',
    name: 'optional',
    formats: ['json', 'yaml', 'sarif', 'junit'],
    files: true,
  },
  plan: {
    usage: 'plan [NAME] [-n NAMESPACE | -A | -f FILE...] [--no-diff] [-o json|yaml]',
    name: 'optional',
    formats: ['json', 'yaml'],
    files: true,
  },
  approve: { usage: 'approve NAME WAVE [-n NAMESPACE] [--by WHO]', name: 'required', names: 2 },
  retry: { usage: 'retry NAME [-n NAMESPACE]', name: 'required' },
  suspend: { usage: 'suspend NAME [-n NAMESPACE]', name: 'required' },
  resume: { usage: 'resume NAME [-n NAMESPACE]', name: 'required' },
} as const satisfies Record<string, CommandShape>;

interface CommandShape {
  usage: string;
  name: 'none' | 'optional' | 'required';
  /** How many names it takes; one unless given. */
  names?: number;
  /** Of commands that only read: what `-o` may be. */
  formats?: readonly Format[];
  /** Whether it works on manifests too. */
  files?: boolean;
}

type Command = keyof typeof COMMANDS;
type Format = 'text' | 'wide' | 'json' | 'yaml' | 'sarif' | 'junit';

export interface ConnectionFlags {
  kubeconfig?: string;
  context?: string;
  server?: string;
}

export interface Call {
  command: Command;
  name: string | undefined;
  /** Of `approve`. */
  wave?: string;
  by?: string;
  /** Undefined: that of the kubeconfig's context. */
  namespace: string | undefined;
  allNamespaces: boolean;
  format: Format;
  /** Undefined: what the mesh configuration says. */
  rootNamespace: string | undefined;
  /** Manifests to look at in place of a cluster; empty: a cluster. */
  filenames: readonly string[];
  /** Whether a plan shows the objects that would be written. */
  diff: boolean;
  connection: ConnectionFlags;
}

export type Parsed = { call: Call } | { show: 'help' | 'version' } | { problem: string; usage: string };

const CALLED = 'kubectl mtlsrollout';

export const HELP = `See and steer MtlsRollouts: the move of an Istio mesh to STRICT mutual TLS.

usage: ${CALLED} COMMAND [flags]

commands
  status           every workload with its ports: the mode that counts, who decides it, and who
                   may be its clients
  hazards [NAME]   what would break under STRICT; ends with 2 when something blocks
  plan [NAME]      waves, scopes, and a diff of what would be written, computed now with your own
                   rights; ends with 2 when a hazard or an obstacle stands in the way
  describe [NAME]  where rollouts stand and what they wait for
  explain NAME     why a rollout does not go on: what it waits for, since when, until when, and
                   what unblocks it
  approve NAME WAVE
                   approve the plan of a wave that waits for it, as it is now
  retry NAME       let a rollout that was rolled back or paused try again
  suspend NAME     hold everything but an ongoing rollback
  resume NAME      go on after suspend

flags
  -f, --filename FILE       manifests in place of a cluster: a file, a folder with all below it,
                            or - for standard input; may be repeated (status, hazards, plan)
  -n, --namespace NAME      namespace; that of the kubeconfig's context unless given. With -f: that
                            of objects that name none
  -A, --all-namespaces      every namespace (status, hazards, plan, describe)
  -o, --output FORMAT       json or yaml; wide for status; sarif or junit for hazards
      --by WHO              who approves; whoever the API server says you are unless given (approve)
      --no-diff             only the tables of the plan (plan)
      --root-namespace NAME mesh root namespace; that of the mesh configuration unless given
                            (status, hazards, plan)
      --kubeconfig FILE     how to reach the cluster
      --context NAME        context of the kubeconfig
      --server URL          address of the API server; no credentials are sent over plain http
  -h, --help                print this text
      --version             print the version
`;

const OPTIONS = {
  filename: { type: 'string', short: 'f' },
  namespace: { type: 'string', short: 'n' },
  'all-namespaces': { type: 'boolean', short: 'A' },
  output: { type: 'string', short: 'o' },
  by: { type: 'string' },
  'no-diff': { type: 'boolean' },
  'root-namespace': { type: 'string' },
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
  server: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

type Option = keyof typeof OPTIONS;
type Flags = Partial<Record<Option, string>>;

/** Reads the arguments after node and script. */
export function parseCall(argv: string[]): Parsed {
  // not strict: strict mode throws at the first mistake, in words of its own
  const { tokens } = parseArgs({ args: argv, options: OPTIONS, strict: false, allowPositionals: true, tokens: true });
  const words: string[] = [];
  const flags: Flags = {};
  const filenames: string[] = [];
  const problems: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    const problem = problemWith(name, rawName, value);
    if (problem) problems.push(problem);
    // a short flag takes its value with an equals sign too, as in kubectl
    else flags[name as Option] = rawName.startsWith('--') ? (value ?? '') : (value ?? '').replace(/^=/, '');
    if (!problem && name === 'filename') filenames.push(flags.filename ?? '');
  }
  if (flags.help !== undefined) return { show: 'help' };
  if (flags.version !== undefined) return { show: 'version' };
  const [word, ...names] = words;
  const command = Object.hasOwn(COMMANDS, word ?? '') ? (word as Command) : undefined;
  const usage = `${CALLED} ${command ? COMMANDS[command].usage : 'COMMAND [flags]'}`;
  const [problem] = [...problems, ...(command ? misuse(command, names, flags) : [unknownCommand(word)])];
  if (problem !== undefined || !command) return { problem: problem ?? '', usage };
  return { call: callOf(command, names, flags, filenames) };
}

function problemWith(name: string, rawName: string, value: string | undefined): string | undefined {
  if (!Object.hasOwn(OPTIONS, name)) return `unknown flag ${rawName}`;
  const takesValue = OPTIONS[name as Option].type === 'string';
  if (!takesValue) return value === undefined ? undefined : `${rawName} takes no value`;
  const isInput = name === 'filename' && /^=?-$/.test(value ?? '');
  return !value || value === '=' || (value.startsWith('-') && !isInput) ? `${rawName} needs a value` : undefined;
}

function unknownCommand(word: string | undefined): string {
  const known = Object.keys(COMMANDS).join(', ');
  return word === undefined
    ? `a command is missing: one of ${known}`
    : `unknown command "${word}": use one of ${known}`;
}

/** What does not go together. */
function misuse(command: Command, names: string[], flags: Flags): string[] {
  const { name, names: most = 1, formats = [], files = false }: CommandShape = COMMANDS[command];
  const reads = formats.length > 0;
  const { output, server } = flags;
  const all = flags['all-namespaces'] !== undefined;
  const offline = flags.filename !== undefined;
  const connection = (['kubeconfig', 'context', 'server'] as const).find(flag => flags[flag] !== undefined);
  const found: [boolean, string][] = [
    [name === 'none' && names.length > 0, `${command} takes no name: "describe NAME" shows where a rollout stands`],
    [most === 1 && names.length > 1, `${command} takes one name, not ${names.length}`],
    [name === 'required' && names.length === 0, `${command} needs the name of a MtlsRollout`],
    [most === 2 && names.length !== 2, `${command} takes the names of a MtlsRollout and of a wave of it`],
    [flags.by !== undefined && command !== 'approve', `--by is for approve, not for ${command}`],
    [!reads && all, `${command} works on one MtlsRollout: -A does not go with it`],
    [!reads && output !== undefined, `-o is for ${commandsThat(shape => shape.formats)}, not for ${command}`],
    [!files && offline, `-f is for ${commandsThat(shape => shape.files)}, not for ${command}`],
    [offline && connection !== undefined, `with -f no cluster is asked: --${connection} does not go with it`],
    [offline && all, 'with -f every namespace is looked at: -A does not go with it'],
    [all && names.length > 0, 'a name is of one namespace: use -n instead of -A'],
    [all && flags.namespace !== undefined, '-n and -A do not go together'],
    [output !== undefined && !formats.some(each => each === output), `-o must be ${alternatives(formats)}`],
    [command !== 'plan' && flags['no-diff'] !== undefined, `--no-diff is for plan, not for ${command}`],
    [
      !files && flags['root-namespace'] !== undefined,
      `--root-namespace is for ${commandsThat(shape => shape.files)}, not for ${command}`,
    ],
    [server !== undefined && !isHttp(server), '--server must be an http or https address'],
  ];
  return found.filter(([wrong]) => wrong).map(([, problem]) => problem);
}

function alternatives(words: readonly string[]): string {
  return [words.slice(0, -1).join(', '), words.at(-1)].join(' or ');
}

function commandsThat(holds: (shape: CommandShape) => unknown): string {
  const names = Object.entries<CommandShape>(COMMANDS).flatMap(([name, shape]) => (holds(shape) ? [name] : []));
  return listed(names, names.length);
}

function isHttp(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

function callOf(command: Command, names: string[], flags: Flags, filenames: readonly string[]): Call {
  const [name, wave] = names;
  const { kubeconfig, context, server } = flags;
  return {
    command,
    name,
    ...(wave === undefined ? {} : { wave }),
    ...(flags.by === undefined ? {} : { by: flags.by }),
    namespace: flags.namespace,
    allNamespaces: flags['all-namespaces'] !== undefined,
    format: (flags.output as Format | undefined) ?? 'text',
    rootNamespace: flags['root-namespace'],
    filenames,
    diff: flags['no-diff'] === undefined,
    connection: {
      ...(kubeconfig === undefined ? {} : { kubeconfig }),
      ...(context === undefined ? {} : { context }),
      ...(server === undefined ? {} : { server }),
    },
  };
}
