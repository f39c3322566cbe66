/**
 * The layer rules of the house, on resolved paths. Every rule has a planted violation in tools/layers.test.ts that it must
 * catch: a mis-resolved cruise would otherwise pass in silence.
 */
const values = '^platform/(errors|ids|money|time)/';
/** Tests and what only tests use may reach further: they put fakes and real adapters side by side. */
const testCode = '(\\.test\\.ts$|^services/[^/]+/testing/|^platform/testing/|^platform/[^/]+/testing/)';

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'domain-is-pure',
      comment: 'domain/ imports its own domain/ and the value modules of platform; no package, no I/O, no other layer',
      severity: 'error',
      from: { path: '^services/([^/]+)/domain/', pathNot: testCode },
      to: { pathNot: ['^services/$1/domain/', values] },
    },
    {
      name: 'app-knows-no-adapter',
      comment: 'app/ imports its own app/ and domain/ and the value modules of platform; what it needs besides is a port',
      severity: 'error',
      from: { path: '^services/([^/]+)/app/', pathNot: testCode },
      to: { pathNot: ['^services/$1/(app|domain)/', values] },
    },
    {
      name: 'adapters-know-no-sibling',
      comment: 'an adapter imports no sibling adapter: what two adapters share belongs in app/, domain/ or platform/',
      severity: 'error',
      from: { path: '^services/([^/]+)/adapters/([^/]+)/', pathNot: testCode },
      to: { path: '^services/$1/adapters/', pathNot: '^services/$1/adapters/$2/' },
    },
    {
      name: 'only-main-wires',
      comment: 'adapters are wired in the composition roots: main.ts and other entry points beside it, never config.ts, app or domain',
      severity: 'error',
      from: { path: '^services/([^/]+)/', pathNot: ['^services/[^/]+/(adapters/|(?!config\\.ts$)[^/]+\\.ts$)', testCode] },
      to: { path: '^services/$1/(adapters/|main\\.ts$)' },
    },
    {
      name: 'adapters-do-not-wire',
      comment: 'an adapter does not import the composition root',
      severity: 'error',
      from: { path: '^services/([^/]+)/adapters/', pathNot: testCode },
      to: { path: '^services/$1/main\\.ts$' },
    },
    {
      name: 'services-are-strangers',
      comment: 'a service never imports another one, tests included: they meet over gRPC and events',
      severity: 'error',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^services/', pathNot: '^services/$1/' },
    },
    {
      name: 'platform-knows-no-service',
      comment: 'platform/ knows no business: it imports neither services nor tools nor whole-system tests',
      severity: 'error',
      from: { path: '^platform/', pathNot: testCode },
      to: { path: '^(services|tools|test)/' },
    },
    {
      name: 'platform-tests-know-no-service',
      comment: 'the tests of platform/ may use the tools that start servers, never a service',
      severity: 'error',
      from: { path: '^platform/.*' + testCode + '|^platform/testing/' },
      to: { path: '^services/' },
    },
    {
      name: 'production-knows-no-test-code',
      comment: 'what runs in production imports no test, no fake and no test helper',
      severity: 'error',
      from: { path: '^(services|platform|events\\.ts|topology\\.ts)', pathNot: testCode },
      to: { path: testCode },
    },
    {
      name: 'production-runs-without-tools',
      comment: 'services/ and platform/ never need tools/ or test/',
      severity: 'error',
      from: { path: '^services/', pathNot: testCode },
      to: { path: '^(tools|test)/' },
    },
    {
      name: 'no-dev-dependency-in-production',
      comment: 'an image is installed without development dependencies; types are erased and may come from them',
      severity: 'error',
      from: { path: '^(services|platform)/', pathNot: testCode },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only', 'npm'] },
    },
    {
      name: 'no-undeclared-package',
      comment: 'a package is declared in package.json, not found by luck of hoisting',
      severity: 'error',
      from: { path: '^(services|platform|tools|test)/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'no-cycle',
      comment:
        'no two modules need each other when they are loaded, directly or around a corner; imports of types are erased and do not count',
      severity: 'error',
      from: { pathNot: '^proto/gen/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'everything-resolves',
      comment: 'an import that cannot be resolved would escape every other rule',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)\\.data/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.mts', '.js', '.mjs', '.cjs', '.json', '.d.ts'],
    },
  },
};
