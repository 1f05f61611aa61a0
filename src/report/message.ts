/** The bodies of notifications: the record as it is for programs, a line for people. */
import type { Report } from './reporter.ts';

export const MESSAGE_KINDS = ['Generic', 'Slack'] as const;
export type MessageKind = (typeof MESSAGE_KINDS)[number];

export function bodyOf(kind: MessageKind, report: Report): string {
  return JSON.stringify(kind === 'Slack' ? { text: slackText(report) } : generic(report));
}

function generic({ rollout, at, severity, reason, message, wave, step, scopes }: Report): object {
  return { rollout, at, severity, reason, message, wave, step, scopes };
}

/** The three characters that Slack wants escaped: names and messages come from a cluster, and may mean nothing more. */
function slackText({ rollout, reason, message, severity }: Report): string {
  const mark = severity === 'Warning' ? ':warning: ' : '';
  const plain = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `${mark}*${reason}* MtlsRollout ${plain(`${rollout.namespace}/${rollout.name}`)}: ${plain(message)}`;
}
