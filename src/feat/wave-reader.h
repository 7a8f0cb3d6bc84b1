// Tables of audio: wav.scp with file names or commands such as "flac -dc x.flac |", and archives of
// WAV files as Kaldi's wav-copy writes them.
#ifndef U2MOE_FEAT_WAVE_READER_H_
#define U2MOE_FEAT_WAVE_READER_H_

#include <istream>
#include <ostream>

#include "feat/wave.h"
#include "util/table.h"

namespace u2moe {

// Reads with ReadAudio. In an archive only WAV files have a known end: any other format must be its
// only entry. Writes 16-bit WAV; there is no text form.
struct WaveHolder {
  using T = WaveData;
  static void Read(std::istream &is, T *value);
  static void Write(std::ostream &os, bool binary, const T &value);
};

using SequentialWaveReader = SequentialTableReader<WaveHolder>;
using RandomAccessWaveReader = RandomAccessTableReader<WaveHolder>;
using WaveWriter = TableWriter<WaveHolder>;

}  // namespace u2moe

#endif  // U2MOE_FEAT_WAVE_READER_H_
