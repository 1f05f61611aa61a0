/** Whether a command line of the documentation fits what is there: targets, files, flags, resources. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCall } from '../../src/cli/arguments.ts';
import { parseFlags } from '../../src/operator/flags.ts';

/** Verbs of kubectl that the documentation may use, and what their first argument is. */
const VERBS: Readonly<Record<string, 'files' | 'resource' | 'either' | 'rollout'>> = {
  apply: 'files',
  delete: 'either',
  create: 'resource',
  get: 'resource',
  describe: 'resource',
  annotate: 'resource',
  patch: 'resource',
  wait: 'resource',
  rollout: 'rollout',
};
const RESOURCES = ['mtlsrollouts', 'mtlsrollout', 'peerauthentications', 'peerauthentication', 'events', 'configmap'];
/** Flags before the verb that take a value. */
const CONNECTION = ['--server', '-n'];

/** Problems of a line; none when it would work. */
export function problemsOf(line: string): string[] {
  const [program = '', ...words] = wordsOf(line);
  switch (program) {
    case 'make':
      return makeProblems(words);
    case 'npm':
      return npmProblems(words);
    case 'node':
      return nodeProblems(words);
    case 'kubectl':
      return words[0] === 'mtlsrollout' ? pluginProblems(words.slice(1)) : kubectlProblems(words);
    case 'docker':
      return words[0] === 'build' && !existsSync('Dockerfile') ? ['there is no Dockerfile'] : [];
    default:
      return [`nobody knows how to check ${program}`];
  }
}

/** Words as a shell splits them, as far as the documentation uses it. */
export function wordsOf(line: string): string[] {
  const words = line.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? [];
  return words.map(word => word.replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2'));
}

function makeProblems(words: string[]): string[] {
  const makefile = readFileSync('Makefile', 'utf8');
  return words.flatMap(word => {
    const [name = '', value] = word.split('=');
    const known = value === undefined ? new RegExp(`^${name}:`, 'm').test(makefile) : makefile.includes(`$(${name})`);
    return known ? [] : [`the Makefile has no ${word}`];
  });
}

function npmProblems([verb, script = '', dashes = '--']: string[]): string[] {
  if (verb !== 'run') return [];
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
  return script in scripts && dashes === '--' ? [] : [`package.json has no script ${script}`];
}

function nodeProblems([script = '', ...words]: string[]): string[] {
  if (!existsSync(script)) return [`there is no ${script}`];
  if (script === 'src/cli/main.ts') return pluginProblems(words);
  const parsed = parseFlags(words);
  return 'problems' in parsed ? parsed.problems : [];
}

function pluginProblems(words: string[]): string[] {
  const parsed = parseCall(words);
  return 'problem' in parsed ? [parsed.problem] : [];
}

function kubectlProblems(given: string[]): string[] {
  const words = [...given];
  while (CONNECTION.includes(words[0] ?? '')) words.splice(0, 2);
  const [verb = '', ...rest] = words;
  const kind = VERBS[verb];
  if (kind === undefined) return [`kubectl ${verb} is not checked: teach this test about it`];
  const patch = rest[rest.indexOf('-p') + 1];
  if (verb === 'patch') JSON.parse(patch ?? '');
  if (kind === 'files' || (kind === 'either' && rest[0]?.startsWith('-'))) return fileProblems(rest);
  const resource = rest.find(word => !word.startsWith('-') && (verb !== 'wait' || word.includes('/')))?.split('/')[0];
  return kind === 'rollout' || RESOURCES.includes(resource ?? '') ? [] : [`nothing serves ${resource}`];
}

function fileProblems(words: string[]): string[] {
  const [flag, path = ''] = words;
  const file = flag === '-k' ? join(path, 'kustomization.yaml') : path;
  return ['-k', '-f'].includes(flag ?? '') && existsSync(file) ? [] : [`there is no ${file}`];
}
