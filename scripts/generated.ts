/** The files that are generated from the sources, as text: the CRD, the reference page, and the list of hazards. */
import { dump } from 'js-yaml';
import { buildCrd } from '../src/api/crd.ts';
import { renderHazardIndex } from './hazardIndex.ts';
import { renderReference } from './reference.ts';

const HEADER = '# Generated from src/api by `npm run generate`. Do not edit.\n';

/** Paths below the project's folder, and what must stand there. */
export function generatedFiles(): { path: string; text: string }[] {
  const crd = buildCrd();
  return [
    // noRefs: parts that occur twice are written twice, not as YAML anchors.
    { path: 'crds/mtlsrollout.io_mtlsrollouts.yaml', text: HEADER + dump(crd, { noRefs: true, lineWidth: 120 }) },
    { path: 'docs/reference.md', text: renderReference(crd) },
    { path: 'docs/hazards/README.md', text: renderHazardIndex() },
  ];
}
