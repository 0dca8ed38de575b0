// Histories: what the random histories of Tiering and of the server have in common.
//
// A history is a run of random calls by several clients. Either each has keys of its own, and a model says what every
// reply must be (CollectionModel, StreamModel; CollectionCalls makes the calls), or they share keys, and each key's
// calls must have an order in which the model gives the replies that were seen (Linearizability).
//
//   Run                 seed and length, from the environment
//   FaultPlan.nasty     what the provider does meanwhile
//   Reply               a reply, taken apart
