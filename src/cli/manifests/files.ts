/** From the arguments of `-f` to the texts of manifests: files, folders with everything below them, standard input. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../failure.ts';
import type { ManifestText } from './documents.ts';

/** As kubectl and kustomize call standard input. */
const STDIN = '-';

export interface Texts {
  texts: ManifestText[];
  notes: string[];
}

/** Throws a Failure where something that was named cannot be read. */
export function readTexts(names: readonly string[]): Texts {
  const notes: string[] = [];
  const files = [...new Set(names.flatMap(name => filesOf(name, notes)))];
  if (files.length === 0) throw new Failure(`there is no .yaml, .yml or .json file in ${names.join(', ')}`);
  return { texts: files.map(file => ({ file, text: textOf(file) })), notes };
}

function filesOf(name: string, notes: string[]): string[] {
  if (name === STDIN || !attempt(name, () => statSync(name)).isDirectory()) return [name];
  return readdirSync(name, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() || entry.isSymbolicLink())
    .map(entry => join(entry.parentPath, entry.name))
    .filter(file => /\.(ya?ml|json)$/.test(file) && !isKustomization(file, notes))
    .toSorted();
}

/** What a kustomization does to the files beside it happens only when it is built. */
function isKustomization(file: string, notes: string[]): boolean {
  const folder = /^(.*?)\/?kustomization\.ya?ml$/.exec(file)?.[1];
  if (folder === undefined) return false;
  notes.push(`${file} is not carried out: pipe "kubectl kustomize ${folder || '.'}" into -f - to see what it makes`);
  return true;
}

function textOf(file: string): string {
  return attempt(file, () => readFileSync(file === STDIN ? 0 : file, 'utf8'));
}

function attempt<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Failure(`cannot read ${file}: ${code === 'ENOENT' ? 'there is no such file or folder' : message}`, error);
  }
}
