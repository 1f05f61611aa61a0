/** Approvals as the annotation `mtlsrollout.io/approve` holds them: `core=77b0c19d by alice, edge=51e7aa02 by bob`. */
import type { Spec } from './schema.ts';

export type Approval = Spec['approvals'][number];

/** Longer than this is no list of approvals of 64 waves. */
const LONGEST = 16_384;
const MOST = 64;
const ITEM = /^([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)=([0-9a-f]{8,16}) by ([^\s,\p{C}][^,\p{C}]{0,255})$/u;

/** The approvals in the annotation, and what of it is none: that is never trusted, and quoted so that it can be found. */
export function readApprovals(annotation: string): { approvals: Approval[]; bad: string[] } {
  if (annotation.length > LONGEST) return { approvals: [], bad: [`${annotation.length} characters`] };
  const items = annotation
    .split(',')
    .map(item => item.trim())
    .filter(Boolean);
  if (items.length > MOST) return { approvals: [], bad: [`${items.length} items`] };
  const approvals: Approval[] = [];
  const bad: string[] = [];
  for (const item of items) {
    const [, wave, plan, by] = ITEM.exec(item) ?? [];
    if (wave && plan && by) approvals.push({ wave, plan, by });
    else bad.push(JSON.stringify(item.slice(0, 60)));
  }
  return { approvals, bad };
}

/** The annotation with one more approval, in place of what was approved of that wave before. */
export function writeApproval(annotation: string | undefined, approval: Approval): string {
  const others = readApprovals(annotation ?? '').approvals.filter(({ wave }) => wave !== approval.wave);
  return [...others, approval].map(({ wave, plan, by }) => `${wave}=${plan} by ${by}`).join(', ');
}

/** Whether somebody can be named so in the annotation. */
export function isApprover(by: string): boolean {
  return ITEM.test(`a=00000000 by ${by}`);
}
