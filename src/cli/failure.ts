/** What goes wrong, as one line that says what to do. */
import { KubeError } from '../cluster/errors.ts';

/** Something that the plugin itself has words for. */
export class Failure extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'Failure';
  }
}

/** Whether the server says that there is no such object, or no such resource. */
export function isMissing(error: unknown): boolean {
  return error instanceof KubeError && error.kind === 'NotFound';
}

/** Whether the server says that the caller lacks the right. */
export function isForbidden(error: unknown): error is KubeError {
  return error instanceof KubeError && error.kind === 'Forbidden';
}

export function lineOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const unreachable = error instanceof KubeError && error.kind === 'Unavailable' && error.status === undefined;
  const advice = unreachable ? '; check --server, --context and --kubeconfig' : '';
  return `${message}${advice}`.replaceAll(/\s+/g, ' ');
}
