#ifndef U2MOE_TRANSCRIPT_CTM_READER_H_
#define U2MOE_TRANSCRIPT_CTM_READER_H_

#include <map>
#include <string>
#include <vector>

#include "transcript/timed-words.h"

namespace u2moe {

// The words of a CTM file, lines "recording channel begin duration word [confidence]", by recording
// and in the order of the file; channels of one recording are not told apart. Blank lines and those
// that begin with ";;", NIST's comments, are passed over. Throws DataError with file and line for
// another number of fields, times that are not finite, negative or beyond ten years, a confidence
// that is not in 0 to 1, and words that are not UTF-8.
std::map<std::string, std::vector<TimedWord>> ReadCtm(const std::string &rxfilename);

}  // namespace u2moe

#endif  // U2MOE_TRANSCRIPT_CTM_READER_H_
