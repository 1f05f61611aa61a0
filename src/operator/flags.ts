/** The command line of the operator. */
import { parseArgs } from 'node:util';

export interface Flags {
  kubeconfig?: string;
  config?: string;
  context?: string;
  logLevel?: string;
  healthPort?: number;
  version: boolean;
  help: boolean;
}

/** Flags that stand for a key of the configuration file. */
export const FLAG_KEYS = [
  { option: '--log-level', flag: 'logLevel', path: 'log.level' },
  { option: '--health-port', flag: 'healthPort', path: 'health.port' },
] as const;

export const HELP = `mtls-rollout: moves an Istio mesh from PERMISSIVE to STRICT mutual TLS, step by step, on evidence

usage: mtls-rollout [flags]

  --config FILE       settings of the operator, YAML or JSON
  --kubeconfig FILE   how to reach the cluster; in a pod its service account
  --context NAME      context of the kubeconfig
  --log-level LEVEL   error, warn, info or debug; wins over log.level
  --health-port PORT  port of /healthz and /readyz; wins over health.port
  --version           print the version and end
  --help              print this text and end
`;

const OPTIONS = {
  kubeconfig: { type: 'string' },
  config: { type: 'string' },
  context: { type: 'string' },
  'log-level': { type: 'string' },
  'health-port': { type: 'string' },
  version: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

const KNOWN = Object.keys(OPTIONS).map(name => `--${name}`);

/** Reads the command line (without node and script); every problem names the flag, none repeats a value. */
export function parseFlags(argv: string[]): { flags: Flags } | { problems: string[] } {
  // not strict: the strict mode throws at the first mistake, and its messages repeat what was typed
  const { tokens } = parseArgs({ args: argv, options: OPTIONS, strict: false, allowPositionals: true, tokens: true });
  const flags: Flags = { version: false, help: false };
  const problems: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional')
      problems.push(`argument ${token.index + 1}: only flags are allowed: ${KNOWN.join(', ')}`);
    if (token.kind !== 'option') continue;
    const problem = take(flags, token.name, token.rawName, token.value);
    if (problem !== undefined) problems.push(problem);
  }
  return problems.length > 0 ? { problems } : { flags };
}

function take(flags: Flags, name: string, rawName: string, value: string | undefined): string | undefined {
  switch (name) {
    case 'version':
    case 'help':
      if (value !== undefined) return `--${name}: takes no value`;
      flags[name] = true;
      return undefined;
    case 'kubeconfig':
    case 'config':
    case 'context':
      if (!value) return `--${name}: needs a value`;
      flags[name] = value;
      return undefined;
    case 'log-level':
      if (!value) return '--log-level: needs a value';
      flags.logLevel = value;
      return undefined;
    case 'health-port':
      if (!value || !/^[0-9]{1,5}$/.test(value)) return '--health-port: must be a whole number from 0 to 65535';
      flags.healthPort = Number(value);
      return undefined;
    default:
      return `${rawName}: unknown flag; allowed: ${KNOWN.join(', ')}`;
  }
}
