export { NO_ANSWER, gather, type Answer, type ToolCall } from "./answer.js";
export { PATIENCE, type Patience } from "./backoff.js";
export {
  ChatStream,
  Headrace,
  type ChatOptions,
  type ChatRequest,
  type HeadraceOptions,
  type JoinOptions,
  type Message,
  type Model,
  type StartOptions,
  type StreamOptions,
  randomKey,
} from "./client.js";
export { type CsrfToken } from "./csrf.js";
export { HeadraceError } from "./errors.js";
export { EventStream, StreamErrorEvent, type EventStreamInit } from "./event-stream.js";
export {
  DONE,
  THINK_CLOSES,
  THINK_OPENS,
  parseEvent,
  type ContentEvent,
  type ErrorEvent,
  type FinishEvent,
  type FinishReason,
  type ReasoningEvent,
  type StreamEvent,
  type Timing,
  type ToolCallEvent,
  type Usage,
} from "./events.js";
export { type FollowOptions, type Phase } from "./follower.js";
export { framewise, type Painter } from "./painting.js";
