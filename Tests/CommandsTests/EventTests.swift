import Commands
import Testing

/// What keyspace notifications tell of each command. `compare_with_redis.py` checks the transcript against a real
/// Redis.
@Suite struct EventTests {
    @Test func transcript() {
        let harness = CommandHarness(
            StringCommands.rows + KeyCommands.rows + ListCommands.rows + SetCommands.rows + HashCommands.rows
                + SortedSetCommands.rows)
        var transcript = Transcript("events")
        transcript.check(harness)
    }
}
