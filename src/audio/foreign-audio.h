#ifndef U2MOE_AUDIO_FOREIGN_AUDIO_H_
#define U2MOE_AUDIO_FOREIGN_AUDIO_H_

#include <string>

namespace u2moe {

// What bytes that libsndfile cannot read seem to be, and what to do with them: a compressed format,
// a page of text where a download failed, samples without a header...; for the end of a message.
std::string DescribeForeignAudio(const std::string &bytes);

}  // namespace u2moe

#endif  // U2MOE_AUDIO_FOREIGN_AUDIO_H_
