/** Counts the requests to the API server: what was asked, and what became of it. */
import { type Resource, resourceName } from './resource.ts';

export type RequestVerb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';

export class RequestCounts {
  /** Requests sent so far, tries included, by verb and resource: `patch peerauthentications.security.istio.io`. */
  readonly asked = new Map<string, number>();
  /** The same by verb and status code: `patch 200`; `none` where no answer came. */
  readonly answered = new Map<string, number>();

  /** Counts the request and its answer, which it hands on. */
  async of<A extends { status: number }>(verb: RequestVerb, resource: Resource, answer: Promise<A>): Promise<A> {
    addOne(this.asked, `${verb} ${resourceName(resource)}`);
    let code = 'none';
    try {
      const come = await answer;
      code = String(come.status);
      return come;
    } finally {
      addOne(this.answered, `${verb} ${code}`);
    }
  }
}

function addOne(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
