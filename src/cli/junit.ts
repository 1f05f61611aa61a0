/** Findings as JUnit's XML: a suite a rollout, a case a scope. */
import { blocks } from '../rollout/preflight.ts';
import type { FoundHazard } from '../istio/hazards/catalogue.ts';
import type { HazardReport } from './hazardReport.ts';
import { wordFor } from './hazardView.ts';

/** Of findings that are about the rollout, or the mesh, and no scope of it. */
const ROLLOUT = '(rollout)';

export function junitOf(reports: readonly HazardReport[]): string {
  const suites = reports.map(suiteOf);
  const [cases, failures] = [sumOf(suites, 'cases'), sumOf(suites, 'failures')];
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="mtlsrollout hazards" tests="${cases}" failures="${failures}">`,
    ...suites.flatMap(({ lines }) => lines),
    '</testsuites>',
    '',
  ].join('\n');
}

interface Suite {
  cases: number;
  failures: number;
  lines: string[];
}

function suiteOf(report: HazardReport): Suite {
  const { namespace, name, scopes, hazards, obstacle } = report;
  const rollout = `${namespace}/${name}`;
  const refused: FoundHazard[] = obstacle
    ? [{ code: obstacle.reason, severity: 'Block', object: `MtlsRollout ${rollout}`, message: obstacle.message }]
    : [];
  const all = [...refused, ...hazards];
  const elsewhere = all.filter(({ scope }) => scope === undefined || !scopes.includes(scope));
  const cases = [
    caseOf(rollout, ROLLOUT, elsewhere),
    ...scopes.map(scope =>
      caseOf(
        rollout,
        scope,
        all.filter(hazard => hazard.scope === scope),
      ),
    ),
  ];
  const failures = cases.filter(({ failed }) => failed).length;
  return {
    cases: cases.length,
    failures,
    lines: [
      `  <testsuite name="${escaped(rollout)}" tests="${cases.length}" failures="${failures}">`,
      ...cases.flatMap(({ lines }) => lines),
      '  </testsuite>',
    ],
  };
}

function caseOf(rollout: string, scope: string, hazards: readonly FoundHazard[]): { failed: boolean; lines: string[] } {
  const failures = hazards.filter(blocks);
  const others = hazards.filter(hazard => !blocks(hazard));
  const [first] = failures;
  const open = `    <testcase classname="${escaped(rollout)}" name="${escaped(scope)}"`;
  if (hazards.length === 0) return { failed: false, lines: [`${open}/>`] };
  const failure = first
    ? [
        // a case has one failure at most
        `      <failure type="${escaped(first.code)}" message="${escaped(first.message)}">${textOf(failures)}</failure>`,
      ]
    : [];
  const noted = others.length > 0 ? [`      <system-out>${textOf(others)}</system-out>`] : [];
  return { failed: first !== undefined, lines: [`${open}>`, ...failure, ...noted, '    </testcase>'] };
}

function textOf(hazards: readonly FoundHazard[]): string {
  return escaped(
    hazards
      .map(hazard => {
        const { code, object, message, fix, accepted } = hazard;
        const advice = fix === undefined || accepted ? '' : `\nto do: ${fix}`;
        return `${wordFor(hazard)}: ${code}, ${object}\n${message}${advice}`;
      })
      .join('\n\n'),
  );
}

/** XML 1.0 knows no way to write most control characters. */
function escaped(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, '\u{FFFD}')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

function sumOf(suites: readonly Suite[], member: 'cases' | 'failures'): number {
  return suites.reduce((sum, suite) => sum + suite[member], 0);
}
