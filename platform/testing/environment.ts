/** The run's servers, handed over by tools/test.ts. A missing one is a failure, never a skip. */
export const testServer = (name: 'TEST_POSTGRES_URL' | 'TEST_NATS_URL'): string => {
  const value = process.env[name];
  if (value === undefined || value === '')
    throw new Error(`${name} is not set: run tests by "node tools/test.ts [files]", which starts PostgreSQL and NATS`);
  return value;
};

/** The whole environment of a process that a test starts: what is given, and what any program of ours needs to run, fast. */
export const childEnvironment = (own: Readonly<Record<string, string>>): Record<string, string> => ({
  ...Object.fromEntries(['PATH', 'NODE_COMPILE_CACHE'].flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []))),
  ...own,
});

const urlWith = (base: string, change: (url: URL) => void): string => {
  const url = new URL(base);
  change(url);
  return url.href;
};

export const databaseUrl = (base: string, name: string): string => urlWith(base, (url) => (url.pathname = `/${name}`));
export const accountUrl = (base: string, account: string): string =>
  urlWith(base, (url) => {
    url.username = account;
    url.password = account;
  });
