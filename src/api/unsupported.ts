/** What the schema knows and this version does not do yet: such a rollout is refused, never half obeyed. */
import type { ProbeSpec, Spec } from './schema.ts';

/** Paths of the fields in use whose behaviour does not exist yet; empty when the whole spec is understood. */
export function unsupportedFields(spec: Spec): string[] {
  const found: [boolean, string][] = spec.probes.flatMap(unsupportedInProbe);
  return found.filter(([used]) => used).map(([, path]) => path);
}

function unsupportedInProbe(probe: ProbeSpec, index: number): [boolean, string][] {
  const path = `spec.probes[${index}]`;
  return [[probe.when === 'Guard', `${path}.when`]];
}
