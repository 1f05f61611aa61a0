/** Findings as SARIF 2.1.0, for code scanning: a rule a code, a result a finding. */
import { PROGRAM_VERSION } from '../api/version.ts';
import { CODES, type FoundHazard } from '../istio/hazards/catalogue.ts';
import type { HazardReport } from './hazardReport.ts';
import type { Place } from './manifests/documents.ts';

const SCHEMA = 'https://json.schemastore.org/sarif-2.1.0.json';
const LEVELS = { Block: 'error', Warn: 'warning', Info: 'note' } as const;

/** @param placeOf where an object stands, by a name such as `Service shop/cart` */
export function sarifOf(reports: readonly HazardReport[], placeOf: (object: string) => Place | undefined): object {
  const found = reports.flatMap(report => [...refusal(report), ...report.hazards.map(hazard => ({ report, hazard }))]);
  const codes = [...new Set(found.map(({ hazard }) => hazard.code))].toSorted();
  return {
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'kubectl-mtlsrollout', version: PROGRAM_VERSION, rules: codes.map(ruleOf) } },
        results: found.map(({ report, hazard }) => resultOf(report, hazard, codes, placeOf)),
      },
    ],
  };
}

function refusal(report: HazardReport): { report: HazardReport; hazard: FoundHazard }[] {
  const { obstacle, namespace, name } = report;
  if (!obstacle) return [];
  const { reason: code, message } = obstacle;
  return [{ report, hazard: { code, severity: 'Block', object: `MtlsRollout ${namespace}/${name}`, message } }];
}

function ruleOf(code: string): object {
  const known = CODES.find(each => each.code === code);
  return {
    id: code,
    ...(known
      ? { shortDescription: { text: known.title }, defaultConfiguration: { level: LEVELS[known.severity] } }
      : {}),
    // helpUri must be absolute, and nobody knows here where the pages are served
    help: { text: `See docs/hazards/${code}.md.`, markdown: `See [${code}](docs/hazards/${code}.md).` },
  };
}

function resultOf(
  { namespace, name }: HazardReport,
  hazard: FoundHazard,
  codes: readonly string[],
  placeOf: (object: string) => Place | undefined,
): object {
  const { code, severity, scope, object, message, fix, accepted } = hazard;
  const rollout = `${namespace}/${name}`;
  return {
    ruleId: code,
    ruleIndex: codes.indexOf(code),
    level: LEVELS[severity],
    message: { text: fix === undefined ? `${message}.` : `${message}. To do: ${fix}.` },
    locations: [locationOf(object, placeOf(object))],
    partialFingerprints: { 'finding/v1': [rollout, code, scope ?? '', object].join(' ') },
    properties: { rollout, ...(scope === undefined ? {} : { scope }) },
    ...(accepted
      ? { suppressions: [{ kind: 'external', justification: `spec.preflight.accept of MtlsRollout ${rollout}` }] }
      : {}),
  };
}

function locationOf(object: string, place: Place | undefined): object {
  const logicalLocations = [{ fullyQualifiedName: object, kind: 'resource' }];
  // standard input has no address
  if (!place || place.file === '-') return { logicalLocations };
  const { file, line } = place;
  return {
    physicalLocation: { artifactLocation: { uri: uriOf(file) }, region: { startLine: line } },
    logicalLocations,
  };
}

function uriOf(file: string): string {
  const path = file.replaceAll('\\', '/').replace(/^\.\//, '');
  const encoded = path.split('/').map(encodeURIComponent).join('/');
  return path.startsWith('/') ? `file://${encoded}` : encoded;
}
