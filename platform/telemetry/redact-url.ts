/** Ids of ours may be seen; any other long path segment may be a secret or a number. */
const knownId = /^(?:[a-z]{2,4}_[0-9a-z]{26}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;
const plainWord = /^[A-Za-z][A-Za-z_.-]{0,20}$/;

const redactSegment = (segment: string): string =>
  segment.length < 12 && !/\d{6}/.test(segment) ? segment : knownId.test(segment) || plainWord.test(segment) ? segment : '…';

/** Without the query, and without segments that do not look like words or ids. */
export const redactPath = (path: string): string => (path.split(/[?#]/, 1)[0] ?? '').split('/').map(redactSegment).join('/');

export const redactUrl = (url: string): string => {
  if (!URL.canParse(url)) return '…';
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${redactPath(pathname)}`;
};
