// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/io/hdf5_file.h"
#include "core/session/run.h"

#include <map>
#include <memory>
#include <string>

namespace gradus {

// The part of a run file that tells how results came about; the layout is in run_file.cpp.

/// A layer's trace; nothing when it has none.
void writeTrace(Hdf5Group& group, const LayerResult& layer, Monitor& monitor);
[[nodiscard]] std::vector<TracePoint> readTrace(const Hdf5Group& group);

/// Float tensors of the model as they were changed: names and shapes in the attribute `parameters`,
/// the values in the group `values`.
using ChangedParameters = std::map<std::string, std::shared_ptr<const Tensor>>;
void writeParameters(Hdf5Group& group, const ChangedParameters& parameters, Monitor& monitor);
[[nodiscard]] ChangedParameters readParameters(const Hdf5Group& group);

/// /tunings. Layers refer to trainings by their links there.
class TuningWriter
{
public:
    explicit TuningWriter(const Run& run);
    /// Nothing when no layer was trained.
    void write(Hdf5Group& root, Monitor& monitor);
    void refer(Hdf5Group& group, const LayerResult& layer) const;

private:
    std::map<const TuningOutcome*, std::string> m_names; ///< of every object, shared or not
    std::vector<std::pair<std::string, std::shared_ptr<const TuningOutcome>>> m_trainings;
};

class TuningReader
{
public:
    explicit TuningReader(const Hdf5Group& root)
        : m_root(root)
    {
    }
    /// Those that the layer's group refers to. file stands for it in messages.
    [[nodiscard]] std::vector<std::shared_ptr<const TuningOutcome>> of(const Hdf5Group& layer);
    /// Throws when /tunings holds some that no layer took part in.
    void finish() const;

private:
    const Hdf5Group& m_root;
    std::map<std::string, std::shared_ptr<const TuningOutcome>> m_known;
};

} // namespace gradus
