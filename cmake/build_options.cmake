# SPDX-License-Identifier: GPL-3.0-or-later
# Two interface targets that every target of the project links:
#   gradus_options   instruction set and sanitizers; one setting for the whole program, because
#                    alignment and vector width must agree between units
#   gradus_warnings  warnings; errors only with GRADUS_WARNINGS_AS_ERRORS
# gradus_core_warnings adds the conversion checks that Qt headers do not survive.
include(CheckCXXSourceRuns)

add_library(gradus_options INTERFACE)
if(GRADUS_ARCH STREQUAL "native")
    # With gcc 12 on an AVX-512 machine x86-64-v4 with 512-bit vectors runs Eigen's products
    # clearly faster than -march=native, which prefers 256-bit ones there.
    check_cxx_source_runs(
        "int main() { return __builtin_cpu_supports(\"x86-64-v4\") ? 0 : 1; }" GRADUS_CPU_HAS_V4)
    if(GRADUS_CPU_HAS_V4)
        target_compile_options(gradus_options INTERFACE -march=x86-64-v4
            $<$<CXX_COMPILER_ID:GNU>:-mprefer-vector-width=512>
            $<$<CXX_COMPILER_ID:Clang>:-mprefer-vector-width=512>)
    else()
        target_compile_options(gradus_options INTERFACE -march=native)
    endif()
elseif(NOT GRADUS_ARCH STREQUAL "portable")
    target_compile_options(gradus_options INTERFACE -march=${GRADUS_ARCH})
endif()
if(GRADUS_SANITIZERS)
    target_compile_options(gradus_options INTERFACE
        -fsanitize=${GRADUS_SANITIZERS} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(gradus_options INTERFACE -fsanitize=${GRADUS_SANITIZERS})
endif()

add_library(gradus_warnings INTERFACE)
# gcc 12 warns of overlapping copies inside its own std::string at -O3 (GCC bug 105651).
target_compile_options(gradus_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow
    $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>
    $<$<BOOL:${GRADUS_WARNINGS_AS_ERRORS}>:-Werror>)
add_library(gradus_core_warnings INTERFACE)
target_compile_options(gradus_core_warnings INTERFACE -Wconversion -Wsign-conversion)
target_link_libraries(gradus_core_warnings INTERFACE gradus_warnings)
