/** The envelope of messages between services of a tenant; docs/queues.md has the rules. */
export {
  QUEUE_LIMITS,
  QUEUE_REFUSALS,
  type QueueEntry,
  type QueueMessage,
  type QueueReader,
  type QueueReaderOptions,
  QueueRefusal,
  type QueueRefusalCode,
  type QueueWriter,
  type QueueWriterOptions,
  queueMessageSchema,
  queueReader,
  queueWriter,
} from "../../contract/queueEnvelope.ts";
