import { createHmac } from 'node:crypto';
import { formatDecimal } from '#platform/money/index.ts';
import { runMain, startService, type RunningService } from '#platform/lifecycle/index.ts';
import { systemClock, type Clock } from '#platform/time/index.ts';
import { flutterwaveWebhook } from './adapters/http/flutterwave/webhook.ts';
import { paystackWebhook } from './adapters/http/paystack/webhook.ts';
import { handlerApiRentalPush } from './adapters/http/handler-api-rentals.ts';
import { handlerApiPush } from './adapters/http/handler-api-push.ts';
import { startHttpServer, type PaymentAccounts } from './adapters/http/server.ts';
import { simulatorWebhook } from './adapters/http/simulator-webhook.ts';
import { stripeWebhook } from './adapters/http/stripe/webhook.ts';
import { textVerifiedRentalWebhook, textVerifiedWebhook } from './adapters/http/text-verified/webhook.ts';
import { createHttpOutgoing } from './adapters/outgoing/http-outgoing.ts';
import { createDeliveries } from './adapters/smpp/deliveries.ts';
import { startSmsc } from './adapters/smpp/smsc.ts';
import { startAgenda } from './adapters/timers/drive-agenda.ts';
import { createMailbox } from './app/accept-mail.ts';
import { createAcceptSubmission } from './app/accept-submission.ts';
import { createActivationBook } from './app/activation-book.ts';
import { createBuyNumber } from './app/buy-number.ts';
import { createChangeActivation } from './app/change-activation.ts';
import { createComposeFor } from './app/compose-code.ts';
import { createCreatePayment, createPaymentBook } from './app/create-payment.ts';
import { createDeliverCode, type Pushes } from './app/deliver-code.ts';
import { createEndActivation } from './app/end-activation.ts';
import { createPlanReceipts } from './app/plan-receipts.ts';
import { newCounters, type Sign, type World } from './app/ports.ts';
import { createReactivateNumber } from './app/reactivate-number.ts';
import { createReadMarket } from './app/read-market.ts';
import { createChangeSettings, createResetWorld } from './app/reset-world.ts';
import { createChargeCard } from './app/charge-card.ts';
import { createDisputeBook } from './app/dispute-payment.ts';
import { createRentalBook, type RentalMarket, type RentalPush } from './app/rental-book.ts';
import { createRefundBook } from './app/refund-payment.ts';
import { createSettlePayment } from './app/settle-payment.ts';
import { createSubmissionBook } from './app/submission-book.ts';
import { simulatorConfig, type SimulatorConfig } from './config.ts';
import { boundedMap, type BoundedMap } from './domain/bounded-map.ts';
import { seededRandomness } from './domain/random.ts';
import { defaultSettings } from './domain/settings.ts';

const hmacSha256: Sign = (secret, data) => createHmac('sha256', secret).update(data).digest('hex');

const dueInMs = ({ agenda, clock }: World): number | null => {
  const dueMs = agenda.nextDueMs();
  return dueMs === undefined ? null : dueMs - clock.now().getTime();
};

/** The protocols that are served: those whose keys are there. */
const paymentAccounts = (config: SimulatorConfig, events: BoundedMap<string, object>): PaymentAccounts => {
  const base = config.paymentWebhookUrl;
  if (base === undefined) return {};
  const { stripeSecretKey, stripeWebhookSecret, paystackSecretKey, flutterwaveSecretKey, flutterwaveWebhookHash } = config;
  const webhookUrl = (protocol: string): string => `${base.replace(/\/$/, '')}/${protocol}`;
  return {
    ...(stripeSecretKey !== undefined &&
      stripeWebhookSecret !== undefined && { stripe: { secretKey: stripeSecretKey, webhookUrl: webhookUrl('stripe'), events } }),
    ...(paystackSecretKey !== undefined && { paystack: { secretKey: paystackSecretKey, webhookUrl: webhookUrl('paystack') } }),
    ...(flutterwaveSecretKey !== undefined &&
      flutterwaveWebhookHash !== undefined && { flutterwave: { secretKey: flutterwaveSecretKey, webhookUrl: webhookUrl('flutterwave') } }),
  };
};

/** How each market reports a code; one that is absent is polled. */
const pushesOf = ({ pushUrl, textVerifiedWebhookUrl, textVerifiedWebhookSecret }: SimulatorConfig): Pushes => ({
  ...(pushUrl !== undefined && { handler_api: handlerApiPush(pushUrl) }),
  ...(textVerifiedWebhookUrl !== undefined &&
    textVerifiedWebhookSecret !== undefined && { textverified: textVerifiedWebhook(textVerifiedWebhookUrl, textVerifiedWebhookSecret) }),
});

/** Messages to rented numbers: to the address named at the purchase, or to the account's webhook. */
const rentalPushesOf = ({ textVerifiedWebhookUrl, textVerifiedWebhookSecret }: SimulatorConfig): Record<RentalMarket, RentalPush> => ({
  handler_api: handlerApiRentalPush,
  textverified:
    textVerifiedWebhookUrl === undefined || textVerifiedWebhookSecret === undefined
      ? () => undefined
      : textVerifiedRentalWebhook(textVerifiedWebhookUrl, textVerifiedWebhookSecret),
});

/** Starts the outside world. Addresses: `http`, `smpp`, `admin`. */
export const start = (config: SimulatorConfig, options: { clock?: Clock } = {}): Promise<RunningService> =>
  startService('simulator', config, async (life) => {
    const clock = options.clock ?? systemClock;
    const driver = await life.own(
      'agenda',
      startAgenda(clock, (error) => life.logger.error({ err: error }, 'a planned task failed')),
    );
    const random = seededRandomness(config.seed);
    const world: World = { clock, agenda: driver.agenda, random, settings: defaultSettings(), counters: newCounters() };
    const outgoing = await life.own('outgoing', createHttpOutgoing(world));

    const activations = createActivationBook(world);
    const compose = createComposeFor(world);
    const deliverCode = createDeliverCode(world, { outgoing, pushes: pushesOf(config) });
    const endActivation = createEndActivation(world, { book: activations, deliverCode, compose });
    const activationParts = { book: activations, deliverCode, endActivation, compose };

    const submissions = createSubmissionBook();
    const deliveries = createDeliveries(world);
    const acceptSubmission = createAcceptSubmission(world, {
      book: submissions,
      planReceipts: createPlanReceipts(world, { carrier: deliveries }),
    });
    const account = { systemId: config.smppSystemId, password: config.smppPassword };
    const smsc = await life.own(
      'smpp',
      startSmsc(world, { host: config.host, port: config.smppPort, ...account }, { acceptSubmission, deliveries }),
    );

    const payments = createPaymentBook(world);
    const { nextId } = payments;
    const stripeEvents = boundedMap<string, object>(10_000);
    const accounts = paymentAccounts(config, stripeEvents);
    const nowMs = (): number => clock.now().getTime();
    const stripeParts = { sign: hmacSha256, secret: config.stripeWebhookSecret ?? '', nowMs, nextId, events: stripeEvents };
    const dialects = {
      simulator: simulatorWebhook({ sign: hmacSha256, secret: config.paymentSecret, nextId }),
      stripe: stripeWebhook(stripeParts),
      paystack: paystackWebhook({ secretKey: config.paystackSecretKey ?? '' }),
      flutterwave: flutterwaveWebhook({ hash: config.flutterwaveWebhookHash ?? '' }),
    };
    const settlePayment = createSettlePayment(world, { outgoing, dialects });
    const createPayment = createCreatePayment(world, { book: payments, settlePayment });
    const refundBook = createRefundBook(world, { book: payments, tell: settlePayment.tell });
    const disputeBook = createDisputeBook(world, { book: payments, tell: settlePayment.tell });
    const mailbox = createMailbox(world);
    const rentals = createRentalBook(world, { account: activations, outgoing, pushes: rentalPushesOf(config) });

    const market = {
      world,
      book: activations,
      buyNumber: createBuyNumber(world, activationParts),
      changeActivation: createChangeActivation(world, activationParts),
      reactivateNumber: createReactivateNumber(world, activationParts),
    };
    const http = await life.own(
      'http',
      startHttpServer({
        host: config.host,
        port: config.httpPort,
        handlerApi: { ...market, apiKey: config.handlerApiKey, market: createReadMarket(world), rentals },
        textVerified:
          config.textVerifiedKey === undefined
            ? undefined
            : { ...market, apiKey: config.textVerifiedKey, username: config.textVerifiedUsername, rentals },
        fiveSim: config.fiveSimToken === undefined ? undefined : { ...market, token: config.fiveSimToken },
        payments: {
          world,
          secret: config.paymentSecret,
          book: payments,
          createPayment,
          chargeCard: createChargeCard(world, { book: payments, createPayment, settlePayment }),
          settlePayment,
          refundBook,
          disputeBook,
        },
        accounts,
        mailbox,
        control: {
          world,
          activations,
          submissions,
          payments,
          disputeBook,
          deliverCode,
          compose,
          carrier: deliveries,
          changeSettings: createChangeSettings(world),
          resetWorld: createResetWorld(world, [
            outgoing,
            activations,
            submissions,
            deliveries,
            smsc,
            payments,
            refundBook,
            disputeBook,
            mailbox,
            rentals,
          ]),
          gauges: () => ({
            liveActivations: activations.liveCount(),
            spent: formatDecimal(activations.spentMicros()),
            planned: world.agenda.size(),
            nextDueInMs: dueInMs(world),
            outgoingWaiting: outgoing.waiting(),
            smppQueued: deliveries.waiting(),
            smppLinks: deliveries.boundLinks(),
          }),
        },
        onInternalError: (error) => life.logger.error({ err: error }, 'a request failed'),
      }),
    );
    life.address('http', http.port);
    life.address('smpp', smsc.port);
  });

if (import.meta.main) await runMain(() => start(simulatorConfig.parse(process.env)));
