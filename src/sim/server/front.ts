/** From a request to its answer: which part of the server answers, and in what form the client wants it. */
import type { KubeResponse, KubeStream } from '../../cluster/transport.ts';
import { type Allow, reviewAccess } from './accessReview.ts';
import type { Answer, Api, ApiRequest } from './api.ts';
import { discoveryDocument } from './discovery.ts';
import { ApiFailure, NoSuchPath } from './failure.ts';
import { isTrue } from './listOptions.ts';
import { openApiDocument } from './openapi.ts';
import type { Resource, ResourceTable } from './resource.ts';
import { routeOf } from './routes.ts';
import { type Include, tableOf, wantsTable } from './tables.ts';
import type { KubeObject } from './value.ts';
import type { Encode, Watches } from './watches.ts';

export interface Parts {
  api: Api;
  resources: ResourceTable;
  watches: Watches;
  allow: Allow;
  now(): number;
}

const ACCESS_REVIEWS = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

export class Front {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Never throws: refusals are answers, and so are faults of the server itself (500). */
  respond(request: ApiRequest): KubeResponse {
    try {
      const document = this.#document(request);
      if (typeof document === 'string') return textOf(200, document);
      if (document !== undefined) return responseOf({ status: 200, body: document });
      if (request.path === ACCESS_REVIEWS) return responseOf(reviewAccess(request, this.#parts.allow));
      const answer = this.#parts.api.handle(request);
      const table = answer.resource && this.#tableEncoder(request, answer.resource);
      return responseOf(table ? { ...answer, body: table(answer.body as KubeObject) } : answer);
    } catch (error) {
      return failureResponse(error);
    }
  }

  /** A watch, or any other request as a stream of one line. */
  open(request: ApiRequest): KubeStream {
    if (!isTrue(request.query?.watch)) return streamOf(this.respond(request));
    try {
      const { resource, namespace, name } = routeOf(request.path, this.#parts.resources);
      const query = name === undefined ? request.query : { ...request.query, fieldSelector: `metadata.name=${name}` };
      const encode = this.#tableEncoder(request, resource) ?? (object => object);
      const lines = this.#parts.watches.start(resource, namespace, query ?? {}, encode, request.signal);
      return { status: 200, headers: { 'content-type': 'application/json' }, lines };
    } catch (error) {
      return streamOf(failureResponse(error));
    }
  }

  #document({ method, path }: ApiRequest): unknown {
    if (method !== 'GET') return undefined;
    return discoveryDocument(path, this.#parts.resources) ?? openApiDocument(path, this.#parts.resources);
  }

  /** Where the client asks for tables; the columns are described once. */
  #tableEncoder({ accept, query }: ApiRequest, resource: Resource): Encode | undefined {
    if (!wantsTable(accept)) return undefined;
    const include = (query?.includeObject ?? 'Metadata') as Include;
    let isFirst = true;
    return body => {
      const table = tableOf(resource, body, this.#parts.now(), include, isFirst);
      isFirst = false;
      return table;
    };
  }
}

function responseOf({ status, body, warnings = [] }: Answer): KubeResponse {
  const warning = warnings.map(text => `299 - ${JSON.stringify(text)}`).join(', ');
  return { status, headers: { 'content-type': 'application/json', ...(warning && { warning }) }, body };
}

function failureResponse(error: unknown): KubeResponse {
  if (error instanceof ApiFailure) return responseOf({ status: error.status.code, body: error.status });
  if (error instanceof NoSuchPath) return textOf(404, error.message);
  const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const fault = new ApiFailure(500, 'InternalError', `Internal error occurred: ${why}`);
  return responseOf({ status: 500, body: fault.status });
}

function textOf(status: number, body: string): KubeResponse {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body };
}

function streamOf({ status, headers, body }: KubeResponse): KubeStream {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return {
    status,
    headers,
    lines: (async function* () {
      yield text;
    })(),
  };
}
