/** RFC 3339 with six digits: what Kubernetes' MicroTime reads, and nothing shorter. */
export function microTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, -1)}000Z`;
}
