/** SelfSubjectAccessReview: the one question about permissions that clients ask beforehand. */
import type { Answer, ApiRequest } from './api.ts';
import { badRequest, methodNotAllowed } from './failure.ts';
import { isObject, type JsonObject } from './value.ts';

/** Answers by the review's resourceAttributes (or nonResourceAttributes). */
export type Allow = (attributes: JsonObject) => boolean;

export const allowAll: Allow = () => true;

export function reviewAccess({ method, body }: ApiRequest, allow: Allow): Answer {
  if (method !== 'POST') throw methodNotAllowed();
  const spec = isObject(body) && isObject(body.spec) ? body.spec : undefined;
  const attributes = spec?.resourceAttributes ?? spec?.nonResourceAttributes;
  if (!isObject(attributes))
    throw badRequest('spec: exactly one of nonResourceAttributes or resourceAttributes must be specified');
  const review = { kind: 'SelfSubjectAccessReview', apiVersion: 'authorization.k8s.io/v1', metadata: {}, spec };
  return { status: 201, body: { ...review, status: { allowed: allow(attributes) } } };
}
