#ifndef U2MOE_TABLE_ENTRY_BEING_READ_H_
#define U2MOE_TABLE_ENTRY_BEING_READ_H_

#include <string>

namespace u2moe {

// The entry of a table that this thread reads, or has read last: "a.ark: key 'u' at byte 7". A
// Holder is not told where its value stands; with this its warnings can name the utterance.
std::string EntryBeingRead();

}  // namespace u2moe

#endif  // U2MOE_TABLE_ENTRY_BEING_READ_H_
