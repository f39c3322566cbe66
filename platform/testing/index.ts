export { createTestDatabase, type TestDatabase } from './database.ts';
export { childEnvironment } from './environment.ts';
export { eventually, type EventuallyOptions } from './eventually.ts';
export { startFaultProxy, type FaultProxy } from './fault-proxy.ts';
export { bodyOf, startTestReceiver, startTestServer, type ReceivedRequest, type TestReceiver, type TestServer } from './http-server.ts';
export { createTestNats, type TestNats } from './nats.ts';
export { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan, type SpanKindText } from './otlp-receiver.ts';
export { testPrincipal, testPrincipalKey } from './principal.ts';
export { startProcess, type TestProcess } from './process.ts';
