/** From the arguments of `-f` to a mesh, or to everything that is wrong with the files at once. */
import { counted } from '../../rollout/text.ts';
import { documentsOf, sentenceOf } from './documents.ts';
import { readTexts } from './files.ts';
import { ManifestMesh } from './manifestMesh.ts';
import { placedFrom } from './placed.ts';

/** More than this many help nobody. */
const MAX_PROBLEMS = 20;

interface Wanted {
  filenames: readonly string[];
  /** Of objects that name none. */
  namespace: string;
  rootNamespace: string | undefined;
}

export interface ReadManifests {
  mesh: ManifestMesh;
  notes: string[];
}

/** Throws a Failure where a file cannot be read. Problems are sentences, one a mistake. */
export function readManifests({ filenames, namespace, rootNamespace }: Wanted): ReadManifests | { problems: string[] } {
  const { texts, notes } = readTexts(filenames);
  const read = texts.map(documentsOf);
  const { placed, problems } = placedFrom(
    read.flatMap(({ documents }) => documents),
    namespace,
  );
  const all = [...read.flatMap(each => each.problems), ...problems].map(sentenceOf);
  if (all.length > MAX_PROBLEMS)
    return { problems: [...all.slice(0, MAX_PROBLEMS), counted(all.length - MAX_PROBLEMS, 'more problem')] };
  if (all.length > 0) return { problems: all };
  const mesh = new ManifestMesh(placed, rootNamespace);
  return { mesh, notes: [...notes, ...mesh.notes] };
}
