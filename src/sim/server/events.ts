/** Events are one stored thing with two faces: `v1`, which is stored, and `events.k8s.io/v1`. */
import { isObject, type KubeObject } from './value.ts';

export function eventFromStored(stored: KubeObject): KubeObject {
  const { involvedObject, message, source, firstTimestamp, lastTimestamp, count, reportingComponent, ...rest } = stored;
  return {
    ...rest,
    apiVersion: 'events.k8s.io/v1',
    ...(involvedObject !== undefined && { regarding: involvedObject }),
    ...(message !== undefined && { note: message }),
    ...(reportingComponent !== '' && reportingComponent !== undefined && { reportingController: reportingComponent }),
    ...(isObject(source) && { deprecatedSource: source }),
    ...(firstTimestamp !== undefined && { deprecatedFirstTimestamp: firstTimestamp }),
    ...(lastTimestamp !== undefined && { deprecatedLastTimestamp: lastTimestamp }),
    ...(count !== undefined && { deprecatedCount: count }),
  };
}

export function eventToStored(event: KubeObject): KubeObject {
  const {
    regarding,
    note,
    reportingController,
    deprecatedSource,
    deprecatedFirstTimestamp,
    deprecatedLastTimestamp,
    deprecatedCount,
    ...rest
  } = event;
  return completeEvent({
    ...rest,
    apiVersion: 'v1',
    involvedObject: regarding ?? {},
    ...(note !== undefined && { message: note }),
    ...(reportingController !== undefined && { reportingComponent: reportingController }),
    ...(deprecatedSource !== undefined && { source: deprecatedSource }),
    ...(deprecatedFirstTimestamp !== undefined && { firstTimestamp: deprecatedFirstTimestamp }),
    ...(deprecatedLastTimestamp !== undefined && { lastTimestamp: deprecatedLastTimestamp }),
    ...(deprecatedCount !== undefined && { count: deprecatedCount }),
  });
}

/** Members that the real server always writes out. */
export function completeEvent(event: KubeObject): KubeObject {
  return {
    source: {},
    firstTimestamp: null,
    lastTimestamp: null,
    eventTime: null,
    reportingComponent: '',
    reportingInstance: '',
    ...event,
  };
}

/** What a server checks of an Event; the newer face, and any with an eventTime, must say more. */
export function eventProblems(event: KubeObject): string[] {
  const isNewFace = event.apiVersion === 'events.k8s.io/v1';
  const about = (isNewFace ? event.regarding : event.involvedObject) ?? {};
  const { namespace = '' } = event.metadata;
  const found: string[] = [];
  const aboutNamespace = isObject(about) && typeof about.namespace === 'string' ? about.namespace : '';
  const hasTime = typeof event.eventTime === 'string';
  if (
    aboutNamespace === ''
      ? namespace !== 'default' && !(hasTime && namespace === 'kube-system')
      : !hasTime && aboutNamespace !== namespace
  ) {
    found.push('involvedObject.namespace: does not match event.namespace');
  }
  if (!isNewFace && !hasTime) return found;
  const controller = isNewFace ? 'reportingController' : 'reportingComponent';
  const needed = [controller, 'reportingInstance', 'action', 'reason', ...(isNewFace ? ['eventTime'] : [])];
  return [...found, ...needed.filter(field => !event[field]).map(field => `${field}: Required value`)];
}
