/** The contract: every case, and how a case is run on one server. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Transport } from '../../src/cluster/transport.ts';
import { discovery } from './cases/discovery.ts';
import { endings } from './cases/endings.ts';
import { lists } from './cases/lists.ts';
import { objects } from './cases/objects.ts';
import { patches } from './cases/patches.ts';
import { schemas } from './cases/schemas.ts';
import { watches } from './cases/watches.ts';
import { NAMESPACES, namespaceObject } from './objects.ts';
import { type Case, Script, type Step } from './script.ts';

const areas = { objects, patches, schemas, lists, watches, endings, discovery };

/** All cases, in order; a name is unique. */
export const cases: { name: string; run: Case }[] = Object.entries(areas).flatMap(([area, some]) =>
  Object.entries(some).map(([name, run]) => ({ name: `${area}: ${name}`, run })),
);

/** CRD that only the contract uses: it has every feature of a schema once. */
export const WIDGETS_CRD = join(import.meta.dirname, 'widgets.crd.json');

export const ROLLOUT_CRD = join(import.meta.dirname, '../../crds/mtlsrollout.io_mtlsrollouts.yaml');

/** What a real API server answered. */
export const RECORDING = join(import.meta.dirname, 'expected.json');

export function readRecording(): Record<string, Step[]> {
  return JSON.parse(readFileSync(RECORDING, 'utf8')) as Record<string, Step[]>;
}

/** Runs one case in a namespace of its own and returns its trace, as JSON would bring it back. */
export async function traceOf(transport: Transport, index: number): Promise<Step[]> {
  const namespace = `contract-${index}`;
  const { status } = await transport.call({ method: 'POST', path: NAMESPACES, body: namespaceObject(namespace) });
  if (status !== 201) throw new Error(`the namespace ${namespace} could not be created: ${status}`);
  const script = new Script(transport, namespace);
  await cases[index]!.run(script);
  // the namespace of the case has a place in the list, and no part in its meaning
  return JSON.parse(JSON.stringify(script.trace).replaceAll(namespace, 'NS')) as Step[];
}
